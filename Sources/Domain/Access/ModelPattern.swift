/// Names of models: one exactly, or with a `*` at the end all that begin so.
package struct ModelPattern: Hashable, Sendable {
    package static let rule =
        "names of models of at most 128 letters, digits and . _ - : @ /, a * at the end standing for any rest"

    package let text: String
    private let prefix: String
    private let isOpen: Bool

    /// nil unless `text` obeys ``rule``.
    package init?(_ text: some StringProtocol) {
        isOpen = text.hasSuffix("*")
        prefix = String(isOpen ? text.dropLast() : text[...])
        self.text = String(text)
        let isWord = prefix.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2E, 0x5F, 0x2D, 0x3A, 0x40, 0x2F].contains(byte)
        }
        guard isWord, (1...128).contains(text.utf8.count) else { return nil }
    }

    package func matches(_ model: String) -> Bool {
        isOpen ? model.hasPrefix(prefix) : model == prefix
    }
}

/// The models that a tenant may call.
package struct ModelAllowance: Hashable, Sendable {
    /// Patterns at most.
    package static let limit = 100
    package let patterns: [ModelPattern]

    /// nil without a pattern, or with more than ``limit``.
    package init?(_ patterns: [ModelPattern]) {
        guard (1...Self.limit).contains(patterns.count) else { return nil }
        self.patterns = patterns
    }

    /// Reads patterns separated by commas; nil if one of them is none.
    package init?(text: some StringProtocol) {
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let patterns = words.compactMap { ModelPattern($0.trimmingSpaces) }
        guard patterns.count == words.count else { return nil }
        self.init(patterns)
    }

    package func allows(_ model: String) -> Bool {
        patterns.contains { $0.matches(model) }
    }

    /// As ``init(text:)`` reads it.
    package var text: String { patterns.map(\.text).joined(separator: ",") }
}

extension StringProtocol {
    fileprivate var trimmingSpaces: SubSequence {
        var rest = self[...]
        while rest.first == " " { rest = rest.dropFirst() }
        while rest.last == " " { rest = rest.dropLast() }
        return rest
    }
}
