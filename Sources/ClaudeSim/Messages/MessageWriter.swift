import NIOCore

/// Writes answers as JSON, by hand: the hot path of every load test.
struct MessageWriter: Sendable {
    let filler: FillerText

    /// A whole Message, as a plain answer carries it.
    func message(_ facts: MessageFacts) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: 512 + facts.outputTokens * 8)
        writeOpening(facts, into: &buffer)
        if facts.outputTokens > 0 {
            if facts.thinks {
                buffer.writeStaticString("{\"type\":\"thinking\",\"thinking\":\"")
                buffer.writeStaticString(Self.thought)
                buffer.writeStaticString("\",\"signature\":\"")
                buffer.writeString(Self.signature(facts))
                buffer.writeStaticString("\"},")
            }
            writeBlockOpening(facts, into: &buffer)
            buffer.writeStaticString(facts.toolLiteral == nil ? "\"" : "{\"text\":\"")
            writeEcho(facts, into: &buffer)
            buffer.writeBytes(filler.prefix(facts.outputTokens - 1))
            buffer.writeStaticString(facts.toolLiteral == nil ? "\"}" : "\"}}")
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
        case .thinkingStart, .thinkingDelta, .signatureDelta, .thinkingStop:
            writeThinking(event, facts, into: &buffer)
        case .blockStart:
            writeIndex(facts, into: &buffer)
            buffer.writeStaticString(",\"content_block\":")
            writeBlockOpening(facts, into: &buffer)
            buffer.writeStaticString(facts.toolLiteral == nil ? "\"\"}" : "{}}")
        case .ping, .messageStop: break
        case .inputStart, .inputEnd, .delta:
            writeDeltaOpening(facts, into: &buffer)
            writePiece(event, facts, into: &buffer)
            buffer.writeStaticString("\"}")
        case .blockStop: writeIndex(facts, into: &buffer)
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

    private static let thought: StaticString = "The request is clear. An answer follows."

    private static func signature(_ facts: MessageFacts) -> String { "sim" + facts.fingerprint.hex + "==" }

    private func writeThinking(_ event: StreamEvent, _ facts: MessageFacts, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(",\"index\":0")
        switch event {
        case .thinkingStart:
            buffer.writeStaticString(
                ",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
        case .thinkingDelta:
            buffer.writeStaticString(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"")
            buffer.writeStaticString(Self.thought)
            buffer.writeStaticString("\"}")
        case .signatureDelta:
            buffer.writeStaticString(",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"")
            buffer.writeString(Self.signature(facts))
            buffer.writeStaticString("\"}")
        default: break
        }
    }

    /// Of the block that holds the words.
    private func writeIndex(_ facts: MessageFacts, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(facts.thinks ? ",\"index\":1" : ",\"index\":0")
    }

    /// That block up to where its text, or its input, begins.
    private func writeBlockOpening(_ facts: MessageFacts, into buffer: inout ByteBuffer) {
        guard let tool = facts.toolLiteral else {
            buffer.writeStaticString("{\"type\":\"text\",\"text\":")
            return
        }
        buffer.writeString(
            "{\"type\":\"tool_use\",\"id\":\"toolu_sim\(facts.fingerprint.hex)\",\"name\":\(tool),\"input\":")
    }

    private func writeDeltaOpening(_ facts: MessageFacts, into buffer: inout ByteBuffer) {
        writeIndex(facts, into: &buffer)
        buffer.writeStaticString(
            facts.toolLiteral == nil
                ? ",\"delta\":{\"type\":\"text_delta\",\"text\":\""
                : ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"")
    }

    /// What a delta adds, as it stands inside a JSON string.
    private func writePiece(_ event: StreamEvent, _ facts: MessageFacts, into buffer: inout ByteBuffer) {
        switch event {
        case .delta(0):
            if facts.toolLiteral != nil { buffer.writeStaticString("{\\\"text\\\":\\\"") }
            writeEcho(facts, into: &buffer)
        case .delta(let position): buffer.writeBytes(filler.word(position - 1))
        case .inputEnd: buffer.writeStaticString("\\\"}")
        default: break
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
        buffer.writeString(String(max(0, facts.inputTokens - facts.cache.read - facts.cache.created)))
        buffer.writeStaticString(",\"cache_creation_input_tokens\":")
        buffer.writeString(String(facts.cache.created))
        buffer.writeStaticString(",\"cache_read_input_tokens\":")
        buffer.writeString(String(facts.cache.read))
        buffer.writeStaticString(",\"output_tokens\":")
        buffer.writeString(String(outputTokens))
        buffer.writeStaticString(",\"service_tier\":\"standard\"}")
    }
}
