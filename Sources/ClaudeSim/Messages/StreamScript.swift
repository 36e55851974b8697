/// One server-sent event of an answer.
enum StreamEvent: Hashable, Sendable {
    case messageStart
    case blockStart
    case ping
    /// The word at this position; 0 is the echo.
    case delta(Int)
    case blockStop
    case messageDelta
    case messageStop
    /// An `overloaded_error` after the 200; nothing follows it.
    case error(requestID: String)

    var name: String {
        switch self {
        case .messageStart: "message_start"
        case .blockStart: "content_block_start"
        case .ping: "ping"
        case .delta: "content_block_delta"
        case .blockStop: "content_block_stop"
        case .messageDelta: "message_delta"
        case .messageStop: "message_stop"
        case .error: "error"
        }
    }
}

/// The events of one stream, in order.
enum StreamScript {
    /// - Parameter words: output tokens; with 0 there is no content block.
    static func complete(words: Int) -> [StreamEvent] {
        guard words > 0 else { return [.messageStart, .ping, .messageDelta, .messageStop] }
        return [.messageStart, .blockStart, .ping] + (0..<words).map { .delta($0) }
            + [.blockStop, .messageDelta, .messageStop]
    }

    /// The first half of the deltas, at least one where there is any, and no end.
    static func cut(words: Int) -> [StreamEvent] {
        guard words > 0 else { return [.messageStart, .ping] }
        return Array(complete(words: words).prefix(3 + (words + 1) / 2))
    }
}
