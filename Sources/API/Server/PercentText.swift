/// Reads percent-encoded text (RFC 3986 §2.1).
enum PercentText {
    /// What does not decode to UTF-8 is mended; a `%` without two digits stands for itself.
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let decoded = hexPair(rest.prefix(2)) {
                bytes.append(decoded)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexPair(_ digits: Substring.UTF8View) -> UInt8? {
        let text = String(Substring(digits))
        guard text.utf8.count == 2, text.first != "+", text.first != "-" else { return nil }
        return UInt8(text, radix: 16)
    }
}
