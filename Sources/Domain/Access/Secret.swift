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

    /// Puts asterisks in the place of the value wherever `text` has it as it is. Not for one of fewer than 8 bytes, which
    /// stands in texts by chance.
    package func mask(in text: inout [UInt8]) {
        guard bytes.count >= 8 else { return }
        var next = text.startIndex
        while let found = text[next...].firstRange(of: bytes) {
            for index in found { text[index] = UInt8(ascii: "*") }
            next = found.upperBound
        }
    }
}
