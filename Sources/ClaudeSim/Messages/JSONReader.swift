/// A strict JSON reader that checks and skips values without building them.
struct JSONReader {
    /// Where the document stopped being JSON.
    struct Malformed: Error, Hashable {
        let offset: Int
    }

    static let nestingLimit = 512

    let bytes: [UInt8]
    private(set) var offset = 0

    /// - Parameter offset: where to begin, 0...`bytes.count`.
    init(_ bytes: [UInt8], at offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The next byte that is not white space; nil at the end.
    mutating func peek() -> UInt8? {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return bytes[offset]
            }
        }
        return nil
    }

    /// Calls `visit` with the reader at each member's value and the range of its key, quotes left out.
    /// `visit` must read or skip the value.
    mutating func object(
        _ visit: (inout JSONReader, Range<Int>) throws(Malformed) -> Void
    ) throws(Malformed) {
        try expect(UInt8(ascii: "{"))
        if peek() == UInt8(ascii: "}") { return offset += 1 }
        while true {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            try visit(&self, key)
            if peek() == UInt8(ascii: "}") { return offset += 1 }
            try expect(UInt8(ascii: ","))
        }
    }

    /// From behind a member's key: its value.
    mutating func skipMemberValue() throws(Malformed) -> Range<Int> {
        try expect(UInt8(ascii: ":"))
        return try skipValue()
    }

    /// From behind a member: the others, and the brace that closes the object.
    /// - Returns: the place behind the brace.
    mutating func skipRestOfObject() throws(Malformed) -> Int {
        while peek() == UInt8(ascii: ",") {
            offset += 1
            _ = try string()
            _ = try skipMemberValue()
        }
        try expect(UInt8(ascii: "}"))
        return offset
    }

    /// - Returns: where the value stands, quotes and brackets included.
    @discardableResult
    mutating func skipValue(depth: Int = 0) throws(Malformed) -> Range<Int> {
        guard let first = peek(), depth < Self.nestingLimit else { throw Malformed(offset: offset) }
        let start = offset
        switch first {
        case UInt8(ascii: "{"):
            try object { (reader, _) throws(Malformed) in try reader.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["): try skipArray(depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: try number()
        }
        return start..<offset
    }

    /// Fails unless nothing but white space is left.
    mutating func finish() throws(Malformed) {
        guard peek() == nil else { throw Malformed(offset: offset) }
    }

    private mutating func skipArray(depth: Int) throws(Malformed) {
        try expect(UInt8(ascii: "["))
        if peek() == UInt8(ascii: "]") { return offset += 1 }
        while true {
            try skipValue(depth: depth + 1)
            if peek() == UInt8(ascii: "]") { return offset += 1 }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func expect(_ byte: UInt8) throws(Malformed) {
        guard peek() == byte else { throw Malformed(offset: offset) }
        offset += 1
    }

    private mutating func literal(_ text: StaticString) throws(Malformed) {
        for position in 0..<text.utf8CodeUnitCount {
            guard offset < bytes.count, bytes[offset] == text.utf8Start[position] else {
                throw Malformed(offset: offset)
            }
            offset += 1
        }
    }
}

// Strings and numbers.
extension JSONReader {
    private mutating func string() throws(Malformed) -> Range<Int> {
        try expect(UInt8(ascii: "\""))
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return start..<(offset - 1)
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw Malformed(offset: offset)
            default: skipPlainText()
            }
        }
        throw Malformed(offset: offset)
    }

    /// Almost all bytes of a body pass here, so the loop keeps its place in a local.
    private mutating func skipPlainText() {
        offset = bytes.withUnsafeBufferPointer { [offset] bytes in
            bytes[offset...].firstIndex {
                $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") || $0 < 0x20
            } ?? bytes.count
        }
    }

    private mutating func escape() throws(Malformed) {
        offset += 1
        guard offset < bytes.count else { throw Malformed(offset: offset) }
        switch bytes[offset] {
        case UInt8(ascii: "u"):
            guard offset + 4 < bytes.count, bytes[(offset + 1)...(offset + 4)].allSatisfy(Self.isHexDigit) else {
                throw Malformed(offset: offset)
            }
            offset += 5
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            offset += 1
        default: throw Malformed(offset: offset)
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private mutating func number() throws(Malformed) {
        skipOne(of: [UInt8(ascii: "-")])
        if !skipOne(of: [UInt8(ascii: "0")]) { try digits() }
        if skipOne(of: [UInt8(ascii: ".")]) { try digits() }
        if skipOne(of: [UInt8(ascii: "e"), UInt8(ascii: "E")]) {
            skipOne(of: [UInt8(ascii: "+"), UInt8(ascii: "-")])
            try digits()
        }
    }

    @discardableResult
    private mutating func skipOne(of choices: [UInt8]) -> Bool {
        guard offset < bytes.count, choices.contains(bytes[offset]) else { return false }
        offset += 1
        return true
    }

    private mutating func digits() throws(Malformed) {
        let start = offset
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) { offset += 1 }
        guard offset > start else { throw Malformed(offset: offset) }
    }
}
