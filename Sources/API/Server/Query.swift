import Domain

/// The query of a request, decoded.
struct Query: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ raw: some StringProtocol) {
        pairs = raw.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (Self.decode(parts[0]), parts.count > 1 ? Self.decode(parts[1]) : "")
        }
    }

    subscript(name: String) -> String? { pairs.last { $0.name == name }?.value }

    /// - Parameter allowed: completes "…; allowed is".
    /// - Throws: `query_invalid` if `read` does not take the value.
    func value<Value>(_ name: String, _ allowed: String, _ read: (String) -> Value?) throws(RelayError) -> Value? {
        guard let text = self[name] else { return nil }
        guard let value = read(text) else {
            throw RelayError(
                .queryInvalid, "The query's \(name) is '\(text.prefix(100))'; allowed is \(allowed).",
                remedy: "Correct it or leave it out.")
        }
        return value
    }

    /// How long a page is to be; nil if the query does not say.
    func limit(in range: ClosedRange<Int>) throws(RelayError) -> Int? {
        try value("limit", "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    private static func decode(_ text: some StringProtocol) -> String {
        PercentText.decode(text, plusIsSpace: true)
    }
}
