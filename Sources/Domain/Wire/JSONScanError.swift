/// Why a document is not the JSON that was asked for, and where.
package struct JSONScanError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In words that complete "At byte N: …".
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        case unexpectedEnd = "the document ends too early"
        case unexpectedByte = "a byte that JSON does not allow here"
        case invalidUTF8 = "not UTF-8"
        case invalidEscape = "an unknown escape in a string"
        case controlCharacter = "an unescaped control character in a string"
        case invalidNumber = "a malformed number"
        case tooDeep = "more than 512 levels of nesting"
        case tooManyMembers = "more than 10,000 members in one object"
        case tooManyElements = "more than 10,000 elements in one array"
        case trailingBytes = "more bytes after the end of the value"
        case notAnObject = "not an object"
        case notAnArray = "not an array"
    }

    package let reason: Reason
    /// Index into the document of the byte that cannot stand there; the document's end if it is cut short.
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String { "At byte \(offset): \(reason.rawValue)." }
}
