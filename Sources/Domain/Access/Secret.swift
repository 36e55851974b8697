/// A value that does not print: descriptions, dumps and interpolations show a placeholder.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    package init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package var description: String { "[secret]" }
    package var debugDescription: String { "[secret]" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The value itself, for the one line that sends, seals or compares it.
    package func reveal() -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    package func revealBytes() -> [UInt8] {
        bytes
    }
}
