/// Follows a stream of server-sent events without changing it: fed the chunks as they arrive, split anywhere, it tells
/// what has passed.
///
/// Reads the grammar that the Claude API writes: lines end with `\n`, `\r` or `\r\n`, a blank line ends an event.
package struct SSEScanner: Sendable {
    /// What matters of one event.
    package enum Event: Hashable, Sendable {
        /// The first sign that the answer itself has begun: `content_block_start`, or any other block or message delta.
        case content
        /// `message_stop`: the message is complete.
        case stop
        /// An `error` event with its data, cut off after ``dataLimit`` bytes.
        case error(data: [UInt8])
        /// `message_start`, `ping`, comments and what is not known.
        case other
    }

    /// Bytes kept of an error event's data.
    package static let dataLimit = 64 * 1024
    private static let lineLimit = 256

    /// Whether the bytes so far end between two events.
    package private(set) var isBetweenEvents = true
    /// The data of the last `message_start` and of the last `message_delta`, which tell the usage; cut off after ``dataLimit`` bytes.
    package private(set) var startData: [UInt8] = []
    package private(set) var deltaData: [UInt8] = []
    private var line: [UInt8] = []
    private var lineLength = 0
    private var lastWasReturn = false
    private var name = ""
    private var data: [UInt8] = []
    /// Whether the data of the present event is wanted.
    private var keepsData = false

    package init() {}

    /// The events that `chunk` completes, in order.
    package mutating func feed(_ chunk: [UInt8]) -> [Event] {
        var events: [Event] = []
        for byte in chunk {
            let endsReturn = lastWasReturn && byte == UInt8(ascii: "\n")
            lastWasReturn = byte == UInt8(ascii: "\r")
            if endsReturn { continue }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                if let event = endLine() { events.append(event) }
            } else {
                isBetweenEvents = false
                lineLength += 1
                if line.count < (keepsData ? Self.dataLimit : Self.lineLimit) { line.append(byte) }
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        defer {
            line.removeAll(keepingCapacity: true)
            lineLength = 0
        }
        if lineLength == 0 { return endEvent() }
        if let value = field("event") {
            name = String(decoding: value, as: UTF8.self)
            keepsData = name == "error" || name == "message_start" || name == "message_delta"
        } else if keepsData, let value = field("data"), data.count < Self.dataLimit {
            if !data.isEmpty { data.append(UInt8(ascii: "\n")) }
            data += value
        }
        return nil
    }

    private mutating func endEvent() -> Event? {
        defer {
            isBetweenEvents = true
            name = ""
            keepsData = false
            data = []
        }
        guard !isBetweenEvents else { return nil }
        switch name {
        case "error": return .error(data: data)
        case "message_stop": return .stop
        case "message_start":
            startData = data
            return .other
        case "message_delta":
            deltaData = data
            return .content
        case "content_block_start", "content_block_delta", "content_block_stop": return .content
        default: return .other
        }
    }

    /// The value after `name` and a colon, less one space; nil if the line holds another field.
    private func field(_ name: StaticString) -> ArraySlice<UInt8>? {
        let length = name.utf8CodeUnitCount
        guard line.count > length, line[length] == UInt8(ascii: ":"),
            line[..<length].elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: length))
        else { return nil }
        let value = line[(length + 1)...]
        return value.first == UInt8(ascii: " ") ? value.dropFirst() : value
    }
}
