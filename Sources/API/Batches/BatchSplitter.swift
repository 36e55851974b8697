import Domain
import Glibc

/// Cuts the body of a batch's creation, `{"requests":[…]}`, into its requests while it arrives.
///
/// Holds one request at a time. What is inside a request is not looked at here, only where it ends; each is a JSON
/// document of its own and is checked as such.
struct BatchSplitter {
    private enum Place {
        case start, keyOrEnd, nextKey, key, colon, array, elementOrEnd, nextElement, element, afterElement, commaOrEnd,
            end
    }

    /// Bytes of one request at most.
    let limit: Int
    private var place = Place.start
    private var text: [UInt8] = []
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var hasRequests = false
    private var offset = 0

    /// Of the request that has begun.
    var bytesHeld: Int { text.count }

    init(limit: Int) {
        self.limit = limit
    }

    /// The requests that `chunk` completes.
    /// - Throws: `body_not_json` or `field_invalid` at the first byte that cannot stand there, `body_too_large` for a
    ///   request beyond the limit.
    mutating func feed(_ chunk: UnsafeBufferPointer<UInt8>) throws(RelayError) -> [[UInt8]] {
        var elements: [[UInt8]] = []
        var index = 0
        while index < chunk.count {
            guard place == .element || place == .key else {
                try step(chunk[index])
                if place == .element || place == .key { continue }  // the byte is its first
                index += 1
                offset += 1
                continue
            }
            let end = try run(chunk, from: index)
            text.append(contentsOf: chunk[index..<end])
            offset += end - index
            index = end
            if place == .afterElement { elements.append(takeText()) }
            if place == .colon { try checkKey() }
        }
        return elements
    }

    /// - Throws: `body_not_json` if the body has not ended, `field_missing` if it has no requests.
    func finish() throws(RelayError) {
        guard place == .end else { throw Self.notJSON("It ends at byte \(offset), too early.") }
        guard hasRequests else {
            throw RelayError(
                .fieldMissing, "The field requests is missing; required is an array of 1 or more.", remedy: "Add it.")
        }
    }

    // MARK: Outside requests

    /// Takes a byte outside of keys and requests. A byte that begins one of them is left for ``run(_:)``.
    private mutating func step(_ byte: UInt8) throws(RelayError) {
        if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { return }
        switch (place, byte) {
        case (.start, UInt8(ascii: "{")): place = .keyOrEnd
        case (.keyOrEnd, UInt8(ascii: "\"")), (.nextKey, UInt8(ascii: "\"")): begin(.key)
        case (.keyOrEnd, UInt8(ascii: "}")), (.commaOrEnd, UInt8(ascii: "}")): place = .end
        case (.colon, UInt8(ascii: ":")): place = .array
        case (.array, UInt8(ascii: "[")):
            hasRequests = true
            place = .elementOrEnd
        case (.elementOrEnd, UInt8(ascii: "]")), (.afterElement, UInt8(ascii: "]")): place = .commaOrEnd
        case (.elementOrEnd, UInt8(ascii: "{")), (.nextElement, UInt8(ascii: "{")): begin(.element)
        case (.afterElement, UInt8(ascii: ",")): place = .nextElement
        case (.commaOrEnd, UInt8(ascii: ",")): place = .nextKey
        case (.array, _):
            throw RelayError(
                .fieldInvalid, "The field requests is not an array.", remedy: "Send an array of 1 or more requests.")
        case (.elementOrEnd, _), (.nextElement, _):
            throw RelayError(
                .fieldInvalid, "An element of requests is not an object; allowed are objects.", remedy: "Correct it.")
        default: throw Self.notJSON("Byte \(offset) cannot stand there.")
        }
    }

    private mutating func begin(_ place: Place) {
        self.place = place
        (depth, isInString, isEscaped) = (0, false, false)
        text.removeAll(keepingCapacity: true)
    }

    private func checkKey() throws(RelayError) {
        let key = JSONScanner.string(text, at: text.indices) ?? ""
        guard key == "requests", !hasRequests else {
            throw RelayError(
                .fieldInvalid, "The field \(key.prefix(64)) is unknown or stands twice; allowed is requests, once.",
                remedy: "Remove it or correct its name.")
        }
    }

    // MARK: Inside a key or a request

    /// - Returns: where the key or request ends, or the end of `bytes` if it goes on.
    private mutating func run(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) throws(RelayError) -> Int {
        var index = start
        while index < bytes.count {
            if isInString {
                index = leaveString(bytes, from: index)
                guard !isInString, place == .key else { continue }
                place = .colon
                return index
            }
            switch bytes[index] {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            guard depth > 0 || place == .key else {
                place = .afterElement
                return index
            }
        }
        let length = text.count + bytes.count - start
        guard length <= limit else {
            throw RelayError(
                .bodyTooLarge, "A request of the batch has at least \(length) bytes; the limit is \(limit).",
                remedy: "Send less, or raise limits.body.")
        }
        return index
    }

    /// Moves past the string's closing quote, or to the end of `bytes` if that is not among them.
    private mutating func leaveString(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var index = start
        if isEscaped {
            isEscaped = false
            index += 1
        }
        var quote = Self.find(UInt8(ascii: "\""), in: bytes, from: index, to: bytes.count)
        while let escape = Self.find(UInt8(ascii: "\\"), in: bytes, from: index, to: quote ?? bytes.count) {
            index = escape + 2  // over what it escapes, which may be that quote
            if let found = quote, found < index {
                quote = Self.find(UInt8(ascii: "\""), in: bytes, from: index, to: bytes.count)
            }
        }
        if let quote {
            isInString = false
            return quote + 1
        }
        isEscaped = index > bytes.count
        return bytes.count
    }

    private static func find(_ byte: UInt8, in bytes: UnsafeBufferPointer<UInt8>, from: Int, to end: Int) -> Int? {
        guard from < end, let start = bytes.baseAddress else { return nil }
        guard let found = memchr(start + from, Int32(byte), end - from) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(start)
    }

    private mutating func takeText() -> [UInt8] {
        defer { text = [] }
        return text
    }

    private static func notJSON(_ detail: String) -> RelayError {
        RelayError(
            .bodyNotJSON, #"The body is not {"requests":[…]}. \#(detail)"#,
            remedy: "Send one JSON object as UTF-8 (RFC 8259).")
    }
}
