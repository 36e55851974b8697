/// The owner of jobs and quota: 1 to 64 characters of `a–z A–Z 0–9 - _ .`, the first one a letter or digit.
package struct TenantID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package var description: String { text }

    /// nil unless `text` has the form above.
    package init?(_ text: some StringProtocol) {
        guard Identifier.isValid(text) else { return nil }
        self.text = String(text)
    }
}

/// The form that the relay's operator-given names share.
package enum Identifier {
    /// What is allowed, for messages to people.
    package static let rule = "1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and '.', starting with a letter or digit"

    /// Whether `text` obeys ``rule``.
    package static func isValid(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64, isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
