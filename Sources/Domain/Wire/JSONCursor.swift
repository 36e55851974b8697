/// A place in JSON text that moves forward over what the grammar allows and fails at the first byte that it does not.
///
/// Lives only inside the closure that lends `bytes`.
struct JSONCursor {
    let bytes: UnsafeBufferPointer<UInt8>
    let end: Int
    private(set) var position: Int
    /// The closing bytes of the containers that are open below the one whose parts are wanted.
    private var open: [UInt8] = []

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        self.bytes = bytes
        self.position = range.lowerBound
        self.end = range.upperBound
    }

    var isAtEnd: Bool { position == end }
    /// nil at the end.
    var next: UInt8? { position < end ? bytes[position] : nil }

    mutating func advance(by count: Int = 1) {
        position += count
    }

    func failure(_ reason: JSONScanError.Reason = .unexpectedByte) -> JSONScanError {
        isAtEnd ? JSONScanError(.unexpectedEnd, at: end) : JSONScanError(reason, at: position)
    }

    mutating func skipSpace() {
        while position < end {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// Skips white space and then `byte`, if it is next.
    mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        position += 1
        return true
    }

    mutating func enter(_ opening: UInt8, orFail reason: JSONScanError.Reason) throws(JSONScanError) {
        guard skip(opening) else { throw failure(reason) }
    }

    /// After a member or element: whether another follows (true) or the container has been closed.
    mutating func continues(until closing: UInt8) throws(JSONScanError) -> Bool {
        if skip(UInt8(ascii: ",")) { return true }
        guard skip(closing) else { throw failure() }
        return false
    }

    /// A member's key and the colon after it.
    mutating func readKey() throws(JSONScanError) -> String {
        skipSpace()
        let key = try readString()
        guard skip(UInt8(ascii: ":")) else { throw failure() }
        return key
    }

    /// One value, whatever is in it, without recursion.
    mutating func readValue() throws(JSONScanError) -> (range: Range<Int>, kind: JSONMember.Kind) {
        skipSpace()
        let start = position
        let kind = try skipOpening()
        while let closing = open.last {
            if try startsElement(before: closing) { _ = try skipOpening() }
        }
        return (start..<position, kind)
    }

    /// A scalar, or the opening byte of a container, which is then the innermost open one.
    private mutating func skipOpening() throws(JSONScanError) -> JSONMember.Kind {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"):
            try descend(until: UInt8(ascii: "}"))
            return .object
        case UInt8(ascii: "["):
            try descend(until: UInt8(ascii: "]"))
            return .array
        case UInt8(ascii: "\""):
            try skipString()
            return .string
        case UInt8(ascii: "t"):
            try skipWord("true")
            return .boolean
        case UInt8(ascii: "f"):
            try skipWord("false")
            return .boolean
        case UInt8(ascii: "n"):
            try skipWord("null")
            return .null
        default:
            try skipNumber()
            return .number
        }
    }

    private mutating func descend(until closing: UInt8) throws(JSONScanError) {
        // The container whose parts are wanted is not on the stack.
        guard open.count + 1 < JSONScanner.nestingLimit else { throw failure(.tooDeep) }
        position += 1
        open.append(closing)
    }

    /// Moves to the innermost container's next value (true), or past its end (false).
    private mutating func startsElement(before closing: UInt8) throws(JSONScanError) -> Bool {
        let isFirst = isJustOpened
        if skip(closing) {
            open.removeLast()
            return false
        }
        if !isFirst, !skip(UInt8(ascii: ",")) { throw failure() }
        guard closing == UInt8(ascii: "}") else { return true }
        skipSpace()
        try skipString()
        guard skip(UInt8(ascii: ":")) else { throw failure() }
        return true
    }

    /// Only an opening bracket can have been the last byte read there: a value or key never ends with one.
    private var isJustOpened: Bool {
        let last = bytes[position - 1]
        return last == UInt8(ascii: "{") || last == UInt8(ascii: "[")
    }

    private mutating func skipWord(_ word: StaticString) throws(JSONScanError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[index] else { throw failure() }
            position += 1
        }
    }

    /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
    mutating func skipNumber() throws(JSONScanError) {
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { position += 1 }
        guard let first = next, first.isDigit else { throw failure(isNegative ? .invalidNumber : .unexpectedByte) }
        position += 1
        if first == UInt8(ascii: "0") {
            if next?.isDigit == true { throw failure(.invalidNumber) }
        } else {
            skipDigits()
        }
        if next == UInt8(ascii: ".") {
            position += 1
            try requireDigits()
        }
        guard next == UInt8(ascii: "e") || next == UInt8(ascii: "E") else { return }
        position += 1
        if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
        try requireDigits()
    }

    private mutating func requireDigits() throws(JSONScanError) {
        guard next?.isDigit == true else { throw failure(.invalidNumber) }
        skipDigits()
    }

    private mutating func skipDigits() {
        while position < end, bytes[position].isDigit { position += 1 }
    }
}

extension UInt8 {
    var isDigit: Bool { self &- 0x30 < 10 }
}
