/// What models share one rate limit: their family and major version, as the provider counts.
///
/// `claude-sonnet-4-5-20250929` and `claude-sonnet-4` → `sonnet-4`; `claude-3-5-haiku-latest` → `haiku-3`; a name of
/// another form, or a family that takes more than 32 bytes with its version → `other`.
package struct ModelClass: Hashable, Sendable {
    /// Lower-case letters, digits and one hyphen; at most 32 bytes.
    package let name: String

    private static let longestName = 32

    package static let other = ModelClass(name: "other")

    private init(name: String) {
        self.name = name
    }

    /// The class of the model called `model` in a request.
    package init(model: String) {
        // Bytes, not characters: every call asks.
        let parts = model.utf8.split { !Self.isLetter($0) && !Self.isDigit($0) }
        guard let start = parts.firstIndex(where: { Self.spells($0, "claude") }) else {
            self = .other
            return
        }
        let words = parts[(start + 1)...]
        let family = words.first { word in
            word.allSatisfy(Self.isLetter) && !Self.spells(word, "latest") && !Self.spells(word, "v")
        }
        // A date (20250929) is no version.
        let major = words.first { $0.count <= 2 && $0.allSatisfy(Self.isDigit) }
        guard let family, family.allSatisfy({ $0 < 0x80 }) else {
            self = .other
            return
        }
        let word = String(decoding: family.map { $0 | 0x20 }, as: UTF8.self)
        let name = major.map { "\(word)-\(Substring($0))" } ?? word
        self = name.utf8.count <= Self.longestName ? ModelClass(name: name) : .other
    }

    /// Of any alphabet: what is not ASCII counts.
    private static func isLetter(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || byte >= 0x80
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte)
    }

    /// Whether `word`, of letters, is `lowercase` in any case.
    private static func spells(_ word: Substring.UTF8View, _ lowercase: String) -> Bool {
        word.count == lowercase.utf8.count && zip(word, lowercase.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    /// A name of a model of this class.
    var exampleModel: String { self == .other ? name : "claude-" + name }

    /// The class that an operator names: `sonnet-4`. nil if it cannot be one.
    package init?(named name: String) {
        let isWord = name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        guard !name.isEmpty, name.utf8.count <= Self.longestName, isWord else { return nil }
        self.init(name: name)
    }
}
