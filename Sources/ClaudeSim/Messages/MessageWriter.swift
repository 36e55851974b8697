import NIOCore

/// Writes answers as JSON, by hand: the hot path of every load test.
struct MessageWriter: Sendable {
    let filler: FillerText

    /// A whole Message, as a plain answer carries it.
    func message(_ facts: MessageFacts) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + facts.outputTokens * 8)
        writeOpening(facts, into: &buffer)
        if facts.outputTokens > 0 {
            buffer.writeStaticString("{\"type\":\"text\",\"text\":\"")
            writeEcho(facts, into: &buffer)
            buffer.writeBytes(filler.prefix(facts.outputTokens - 1))
            buffer.writeStaticString("\"}")
        }
        buffer.writeStaticString("],\"stop_reason\":\"")
        buffer.writeString(facts.stopReason)
        buffer.writeStaticString("\",\"stop_sequence\":null,\"stop_details\":null,\"usage\":")
        writeUsage(facts, outputTokens: facts.outputTokens, into: &buffer)
        buffer.writeStaticString("}")
        return buffer
    }

    /// One event of a stream, its closing blank line included.
    func write(_ event: StreamEvent, of facts: MessageFacts, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: ")
        buffer.writeString(event.name)
        buffer.writeStaticString("\ndata: {\"type\":\"")
        buffer.writeString(event.name)
        buffer.writeStaticString("\"")
        writeFields(of: event, facts, into: &buffer)
        buffer.writeStaticString("}\n\n")
    }

    private func writeFields(of event: StreamEvent, _ facts: MessageFacts, into buffer: inout ByteBuffer) {
        switch event {
        case .messageStart:
            buffer.writeStaticString(",\"message\":")
            writeOpening(facts, into: &buffer)
            buffer.writeStaticString(
                "],\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":null,\"usage\":"
            )
            writeUsage(facts, outputTokens: min(1, facts.outputTokens), into: &buffer)
            buffer.writeStaticString("}")
        case .blockStart:
            buffer.writeStaticString(",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
        case .ping, .messageStop: break
        case .delta(let position):
            buffer.writeStaticString(",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"")
            if position == 0 { writeEcho(facts, into: &buffer) } else { buffer.writeBytes(filler.word(position - 1)) }
            buffer.writeStaticString("\"}")
        case .blockStop: buffer.writeStaticString(",\"index\":0")
        case .messageDelta:
            buffer.writeStaticString(",\"delta\":{\"stop_reason\":\"")
            buffer.writeString(facts.stopReason)
            buffer.writeStaticString("\",\"stop_sequence\":null,\"stop_details\":null},\"usage\":")
            writeUsage(facts, outputTokens: facts.outputTokens, into: &buffer)
        case .error(let requestID):
            let envelope = ErrorEnvelope.overloaded
            buffer.writeStaticString(",")
            envelope.writeFields(requestID: requestID, into: &buffer)
        }
    }

    private func writeOpening(_ facts: MessageFacts, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"id\":\"")
        buffer.writeString(facts.messageID)
        buffer.writeStaticString("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":")
        buffer.writeString(facts.modelLiteral)
        buffer.writeStaticString(",\"content\":[")
    }

    private func writeEcho(_ facts: MessageFacts, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("echo:")
        buffer.writeString(facts.fingerprint.hex)
    }

    private func writeUsage(_ facts: MessageFacts, outputTokens: Int, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("{\"input_tokens\":")
        buffer.writeString(String(facts.inputTokens))
        buffer.writeStaticString(",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":")
        buffer.writeString(String(outputTokens))
        buffer.writeStaticString(",\"service_tier\":\"standard\"}")
    }
}
