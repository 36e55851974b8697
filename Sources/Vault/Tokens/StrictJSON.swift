import Domain

/// One JSON object in which no member comes twice: two readers could otherwise take it for two things.
struct StrictJSON {
    private let document: [UInt8]
    private let members: [String: JSONMember]

    /// nil unless `document` is such an object, in UTF-8, and nothing else.
    init?(_ document: [UInt8], in range: Range<Int>? = nil) {
        guard let list = try? JSONScanner.members(of: document, in: range) else { return nil }
        let members = Dictionary(list.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        guard members.count == list.count else { return nil }
        self.document = document
        self.members = members
    }

    func member(_ name: String) -> JSONMember? { members[name] }

    func string(_ name: String) -> String? {
        members[name].flatMap { JSONScanner.string(document, at: $0.value) }
    }

    /// The strings of an array; nil if it is none, or holds anything else.
    func strings(_ name: String) -> [String]? {
        guard let member = members[name], member.kind == .array,
            let elements = try? JSONScanner.elements(of: document, in: member.value)
        else { return nil }
        let strings = elements.compactMap { JSONScanner.string(document, at: $0) }
        return strings.count == elements.count ? strings : nil
    }

    func base64URL(_ name: String) -> [UInt8]? {
        string(name).flatMap { Base64URL.decode($0.utf8) }
    }

    /// A NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction. nil if it is no number, or out of range.
    func time(_ name: String) -> Timestamp? {
        guard let member = members[name], member.kind == .number else { return nil }
        let text = String(decoding: document[member.value], as: UTF8.self)
        let parts = text.split(separator: ".", maxSplits: 1)
        if let seconds = Int64(parts[0]), seconds.magnitude < 1 << 40, !text.contains(where: { "eE".contains($0) }) {
            let fraction = parts.count > 1 ? parts[1].prefix(6) : ""
            let digits = fraction + String(repeating: "0", count: 6 - fraction.count)
            let sign: Int64 = text.hasPrefix("-") ? -1 : 1
            return Timestamp(microseconds: seconds * 1_000_000 + sign * (Int64(digits) ?? 0))
        }
        guard let seconds = Double(text), seconds.magnitude < 0x1p40 else { return nil }
        return Timestamp(microseconds: Int64(seconds * 1_000_000))
    }
}
