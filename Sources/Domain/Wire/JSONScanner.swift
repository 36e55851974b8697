/// Reads JSON without decoding it: checks a whole document against RFC 8259 and tells where its parts stand.
///
/// The bytes stay as they are, because what is forwarded must not be written anew. A lone surrogate escape is accepted
/// (the grammar allows it); nesting ends at ``nestingLimit``, and what is listed at ``listLimit``: a list costs several
/// times the bytes of small parts.
package enum JSONScanner {
    /// Containers inside one another, the outermost included.
    package static let nestingLimit = 512
    /// Members of an object, or elements of an array, that are listed. What is only passed over may have any number.
    package static let listLimit = 10_000

    /// The members of the object that `range` of `document` (by default all of it) holds, in their order, duplicate
    /// keys included. White space may surround the object, nothing else.
    package static func members(
        of document: [UInt8], in range: Range<Int>? = nil
    ) throws(JSONScanError) -> [JSONMember] {
        try scan(document, range) { (cursor) throws(JSONScanError) in
            try cursor.enter(UInt8(ascii: "{"), orFail: .notAnObject)
            var members: [JSONMember] = []
            guard !cursor.skip(UInt8(ascii: "}")) else { return members }
            repeat {
                let key = try cursor.readKey()
                let (value, kind) = try cursor.readValue()
                guard members.count < listLimit else { throw JSONScanError(.tooManyMembers, at: value.lowerBound) }
                members.append(JSONMember(key: key, value: value, kind: kind))
            } while try cursor.continues(until: UInt8(ascii: "}"))
            return members
        }
    }

    /// Where the elements of the array stand that `range` of `document` (by default all of it) holds, in their order.
    package static func elements(
        of document: [UInt8], in range: Range<Int>? = nil
    ) throws(JSONScanError) -> [Range<Int>] {
        try scan(document, range) { (cursor) throws(JSONScanError) in
            try cursor.enter(UInt8(ascii: "["), orFail: .notAnArray)
            var elements: [Range<Int>] = []
            guard !cursor.skip(UInt8(ascii: "]")) else { return elements }
            repeat {
                let element = try cursor.readValue().range
                guard elements.count < listLimit else {
                    throw JSONScanError(.tooManyElements, at: element.lowerBound)
                }
                elements.append(element)
            } while try cursor.continues(until: UInt8(ascii: "]"))
            return elements
        }
    }

    /// The first element that `isWanted`, by default the very first, of the array that `range` of `document` holds; nil if
    /// there is none. Nothing is listed, and what follows the element is not looked at.
    package static func firstElement(
        of document: [UInt8], in range: Range<Int>, where isWanted: (Range<Int>) -> Bool = { _ in true }
    ) throws(JSONScanError) -> Range<Int>? {
        try document.withUnsafeBufferPointer { (bytes) throws(JSONScanError) in
            var cursor = JSONCursor(bytes, range.clamped(to: 0..<bytes.count))
            try cursor.enter(UInt8(ascii: "["), orFail: .notAnArray)
            guard !cursor.skip(UInt8(ascii: "]")) else { return nil }
            repeat {
                let element = try cursor.readValue().range
                if isWanted(element) { return element }
            } while try cursor.continues(until: UInt8(ascii: "]"))
            return nil
        }
    }

    /// The text of the string literal that `range` holds, unescaped; nil if it holds anything else.
    /// A lone surrogate becomes U+FFFD.
    package static func string(_ document: [UInt8], at range: Range<Int>) -> String? {
        document.withUnsafeBufferPointer { bytes in
            var cursor = JSONCursor(bytes, range.clamped(to: 0..<bytes.count))
            guard let text = try? cursor.readString(), cursor.isAtEnd else { return nil }
            return text
        }
    }

    /// The number that `range` holds; nil if it is no number, has a fraction or exponent, or does not fit.
    package static func integer(_ document: [UInt8], at range: Range<Int>) -> Int? {
        document.withUnsafeBufferPointer { bytes in
            let range = range.clamped(to: 0..<bytes.count)
            var cursor = JSONCursor(bytes, range)
            guard (try? cursor.skipNumber()) != nil, cursor.isAtEnd else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
    }

    private static func scan<Result>(
        _ document: [UInt8], _ range: Range<Int>?, _ read: (inout JSONCursor) throws(JSONScanError) -> Result
    ) throws(JSONScanError) -> Result {
        try document.withUnsafeBufferPointer { (bytes) throws(JSONScanError) in
            var cursor = JSONCursor(bytes, (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count))
            let result = try read(&cursor)
            cursor.skipSpace()
            guard cursor.isAtEnd else { throw JSONScanError(.trailingBytes, at: cursor.position) }
            return result
        }
    }
}
