/// What models share one rate limit: their family and major version, as the provider counts.
///
/// `claude-sonnet-4-5-20250929` and `claude-sonnet-4` → `sonnet-4`; `claude-3-5-haiku-latest` → `haiku-3`; a name of
/// another form → `other`.
package struct ModelClass: Hashable, Sendable {
    /// Lower-case letters, digits and one hyphen.
    package let name: String

    package static let other = ModelClass(name: "other")

    private init(name: String) {
        self.name = name
    }

    /// The class of the model called `model` in a request.
    package init(model: String) {
        let parts = model.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber })
        guard let start = parts.firstIndex(of: "claude") else {
            self = .other
            return
        }
        let words = parts[(start + 1)...]
        let family = words.first { $0.allSatisfy(\.isLetter) && $0 != "latest" && $0 != "v" }
        // A date (20250929) is no version.
        let major = words.first { $0.count <= 2 && $0.allSatisfy(\.isNumber) }
        guard let family, family.utf8.allSatisfy({ $0 < 0x80 }) else {
            self = .other
            return
        }
        self.init(name: major.map { "\(family)-\($0)" } ?? String(family))
    }

    /// A name of a model of this class.
    var exampleModel: String { self == .other ? name : "claude-" + name }

    /// The class that an operator names: `sonnet-4`. nil if it cannot be one.
    package init?(named name: String) {
        let isWord = name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
        guard !name.isEmpty, name.utf8.count <= 32, isWord else { return nil }
        self.init(name: name)
    }
}
