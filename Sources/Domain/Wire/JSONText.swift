/// Writes JSON strings.
package enum JSONText {
    /// `text` as a JSON string, quotes included (RFC 8259 §7).
    package static func quoted(_ text: some StringProtocol) -> [UInt8] {
        var json: [UInt8] = []
        append(text, to: &json)
        return json
    }

    /// Appends `text` as a JSON string: only the quote, the backslash and controls need escaping.
    package static func append(_ text: some StringProtocol, to json: inout [UInt8]) {
        json.append(UInt8(ascii: "\""))
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain { json.append(contentsOf: text.utf8) } else { appendEscaped(text, to: &json) }
        json.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ text: some StringProtocol, to json: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): json += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): json += #"\n"#.utf8
            case 0..<0x20: json += [0x5C, 0x75, 0x30, 0x30, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            default: json.append(byte)
            }
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
