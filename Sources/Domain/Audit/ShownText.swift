/// Text of others, as people may see it in a terminal or a log.
package enum ShownText {
    /// `text` without what moves a cursor, ends a line or turns the direction of writing; U+FFFD stands for each of those.
    package static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isActive) else { return text }
        var shown = String.UnicodeScalarView()
        shown.append(contentsOf: text.unicodeScalars.map { isActive($0) ? "\u{FFFD}" : $0 })
        return String(shown)
    }

    /// The control characters C0 and C1, the marks, embeddings, overrides and isolates of writing direction, and the
    /// separators of lines and paragraphs.
    private static func isActive(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
