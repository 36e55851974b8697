extension JSONCursor {
    /// A string literal, unescaped.
    mutating func readString() throws(JSONScanError) -> String {
        let start = position + 1
        let hasEscapes = try skipString()
        let content = bytes[start..<position - 1]
        return hasEscapes ? Self.unescape(content) : String(decoding: content, as: UTF8.self)
    }

    /// Skips a string literal. Returns whether it contains escapes.
    @discardableResult
    mutating func skipString() throws(JSONScanError) -> Bool {
        guard next == UInt8(ascii: "\"") else { throw failure() }
        advance()
        var hasEscapes = false
        while true {
            skipPlainWords()
            switch next {
            case UInt8(ascii: "\""):
                advance()
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case nil: throw failure()
            case .some(0..<0x20): throw failure(.controlCharacter)
            case .some(0x20..<0x80): advance()
            default: try skipMultibyteCharacter()
            }
        }
    }

    /// Skips eight bytes at a time while all of them are ASCII without quote, backslash and controls.
    private mutating func skipPlainWords() {
        while position + 8 <= end {
            let word = UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let ones: UInt64 = 0x0101_0101_0101_0101
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            // The high bit of a byte is set in `x &- ones & ~x` if that byte of x is zero, and in none if no byte is.
            let special =
                (word &- ones &* 0x20) | word | ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)
            if special & (ones &* 0x80) != 0 { return }
            advance(by: 8)
        }
    }

    private mutating func skipEscape() throws(JSONScanError) {
        advance()
        switch next {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: advance()  // " \ / b f n r t
        case UInt8(ascii: "u"):
            advance()
            for _ in 0..<4 {
                guard let digit = next, digit.hexValue != nil else { throw failure(.invalidEscape) }
                advance()
            }
        default: throw failure(.invalidEscape)
        }
    }

    /// One character of two to four bytes, as RFC 3629 §4 has them: no overlong forms, no surrogates.
    private mutating func skipMultibyteCharacter() throws(JSONScanError) {
        let (second, count): (ClosedRange<UInt8>, Int)
        switch bytes[position] {
        case 0xC2...0xDF: (second, count) = (0x80...0xBF, 2)
        case 0xE0: (second, count) = (0xA0...0xBF, 3)
        case 0xED: (second, count) = (0x80...0x9F, 3)
        case 0xE1...0xEF: (second, count) = (0x80...0xBF, 3)
        case 0xF0: (second, count) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, count) = (0x80...0xBF, 4)
        case 0xF4: (second, count) = (0x80...0x8F, 4)
        default: throw failure(.invalidUTF8)
        }
        advance()
        guard let byte = next, second.contains(byte) else { throw failure(.invalidUTF8) }
        advance()
        for _ in 2..<count {
            guard let byte = next, (0x80...0xBF).contains(byte) else { throw failure(.invalidUTF8) }
            advance()
        }
    }

    /// - Parameter content: between the quotes; checked before.
    private static func unescape(_ content: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        var units: [UInt16] = []
        units.reserveCapacity(content.count)
        var rest = content
        while !rest.isEmpty {
            let plain = rest.prefix { $0 != UInt8(ascii: "\\") }
            units.append(contentsOf: String(decoding: plain, as: UTF8.self).utf16)
            rest = rest.dropFirst(plain.count + 1)
            guard let letter = rest.popFirst() else { break }
            guard letter == UInt8(ascii: "u") else {
                units.append(UInt16(simpleEscapes[letter] ?? letter))
                continue
            }
            units.append(rest.prefix(4).reduce(0) { $0 << 4 | UInt16($1.hexValue ?? 0) })
            rest = rest.dropFirst(4)
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// The escapes that do not stand for themselves.
    private static let simpleEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A,
        UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]
}

extension UInt8 {
    /// nil unless a hexadecimal digit.
    fileprivate var hexValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }
}
