/// A metric's name with its labels.
struct MetricSeries: Hashable, Comparable {
    let name: String
    /// `a="x",b="y"`, sorted and escaped; empty without labels.
    let labels: String

    init(name: String, labels: [(String, String)]) {
        self.name = name
        self.labels = labels.sorted { $0.0 < $1.0 }.map { #"\#($0.0)="\#(Self.escaped($0.1))""# }.joined(separator: ",")
    }

    static func < (left: MetricSeries, right: MetricSeries) -> Bool {
        (left.name, left.labels) < (right.name, right.labels)
    }

    /// One line of the text format.
    func line(suffix: String = "", extraLabel: String? = nil, value: String) -> String {
        let all = [labels, extraLabel ?? ""].filter { !$0.isEmpty }.joined(separator: ",")
        return "\(name)\(suffix)\(all.isEmpty ? "" : "{\(all)}") \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {  // a Character may be a line break or a quote with more in it
            switch scalar {
            case "\\": text += #"\\"#
            case "\"": text += #"\""#
            case "\n": text += #"\n"#
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
