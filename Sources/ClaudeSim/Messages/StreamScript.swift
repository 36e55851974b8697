/// One server-sent event of an answer.
enum StreamEvent: Hashable, Sendable {
    case messageStart
    case thinkingStart
    case thinkingDelta
    case signatureDelta
    case thinkingStop
    case blockStart
    case ping
    /// The first piece of a tool's input, which is empty.
    case inputStart
    /// The word at this position; 0 is the echo.
    case delta(Int)
    /// The last piece of a tool's input.
    case inputEnd
    case blockStop
    case messageDelta
    case messageStop
    /// An `overloaded_error` after the 200; nothing follows it.
    case error(requestID: String)

    var name: String {
        switch self {
        case .messageStart: "message_start"
        case .thinkingStart, .blockStart: "content_block_start"
        case .ping: "ping"
        case .thinkingDelta, .signatureDelta, .inputStart, .delta, .inputEnd: "content_block_delta"
        case .thinkingStop, .blockStop: "content_block_stop"
        case .messageDelta: "message_delta"
        case .messageStop: "message_stop"
        case .error: "error"
        }
    }
}

/// The events of one stream, in order.
enum StreamScript {
    private static let thinking: [StreamEvent] = [.thinkingStart, .thinkingDelta, .signatureDelta, .thinkingStop]

    /// With no output tokens there is no content block.
    static func complete(_ facts: MessageFacts) -> [StreamEvent] {
        let words = facts.outputTokens
        guard words > 0 else { return [.messageStart, .ping, .messageDelta, .messageStop] }
        let usesTool = facts.toolLiteral != nil
        return opening(facts) + (0..<words).map { .delta($0) } + (usesTool ? [.inputEnd] : [])
            + [.blockStop, .messageDelta, .messageStop]
    }

    /// The first half of the deltas, at least one where there is any, and no end.
    static func cut(_ facts: MessageFacts) -> [StreamEvent] {
        let words = facts.outputTokens
        guard words > 0 else { return [.messageStart, .ping] }
        return opening(facts) + (0..<(words + 1) / 2).map { .delta($0) }
    }

    /// Everything before the first word.
    private static func opening(_ facts: MessageFacts) -> [StreamEvent] {
        [.messageStart] + (facts.thinks ? thinking : []) + [.blockStart, .ping]
            + (facts.toolLiteral == nil ? [] : [.inputStart])
    }
}
