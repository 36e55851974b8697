/// A batch's public name: `msgbatch_` and a ``SortableName``.
package struct BatchID: Hashable, Sendable, CustomStringConvertible {
    package static let prefix = "msgbatch_"
    /// The whole name, `msgbatch_` included.
    package let text: String

    package var description: String { text }

    /// Reads a name that a client sent; nil unless it has exactly the form of ``make(at:using:)``.
    package init?(_ text: some StringProtocol) {
        guard SortableName.isValid(text, after: Self.prefix) else { return nil }
        self.text = String(text)
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// A new name.
    package static func make(at now: Timestamp, using random: inout some RandomNumberGenerator) -> BatchID {
        BatchID(unchecked: prefix + SortableName.make(at: now, using: &random))
    }
}
