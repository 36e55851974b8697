import FoundationEssentials
import NIOCore
import NIOHTTP1
import Testing

@testable import ClaudeSim

struct ToolAnswerTests {
    private struct Message: Decodable {
        struct Block: Decodable {
            let type: String
            let name: String?
            let input: [String: String]?
            let thinking: String?
            let signature: String?
        }
        let content: [Block]
        let stop_reason: String?
    }

    private struct Event: Decodable {
        struct Delta: Decodable {
            let partial_json: String?
            let thinking: String?
            let signature: String?
        }
        let type: String
        let index: Int?
        let delta: Delta?
    }

    private static let tools = #""tools":[{"name":"look \"up\"","input_schema":{"type":"object"}},{"name":"other"}]"#

    private func body(_ rest: String, content: String = #""x""#) -> [UInt8] {
        Array(#"{\#(rest),"model":"m","max_tokens":99,"messages":[{"role":"user","content":\#(content)}]}"#.utf8)
    }

    private func answer(_ body: [UInt8], isStream: Bool) throws -> String {
        let facts = MessageFacts(
            fields: try RequestFields(body: body, needsMaxTokens: true), fingerprint: Fingerprint(of: body),
            bodyBytes: body.count, fullLength: 12)
        let composer = ReplyComposer(
            writer: MessageWriter(filler: FillerText(count: 12)), latency: .none, tokenInterval: .none, slowness: .zero)
        var random = SeededGenerator(seed: 1)
        let steps = composer.steps(
            for: facts, isStream: isStream, fault: nil, requestID: "req_1", headers: [:], using: &random)
        return steps.reduce(into: "") { text, step in
            if case .bytes(let bytes) = step { text += String(buffer: bytes) }
        }
    }

    private func message(_ body: [UInt8]) throws -> Message {
        try JSONDecoder().decode(Message.self, from: Data(answer(body, isStream: false).utf8))
    }

    @Test
    func `a tool is used once, unless that is forbidden`() throws {
        let first = try message(body(Self.tools))
        #expect(first.stop_reason == "tool_use" && first.content.map(\.type) == ["tool_use"])
        #expect(first.content.first?.name == #"look "up""#)
        let echo = "echo:" + Fingerprint(of: body(Self.tools)).hex
        #expect(first.content.first?.input?["text"]?.hasPrefix(echo) == true)
        let forbidden = try message(body(Self.tools + #","tool_choice":{"type":"none"}"#))
        #expect(forbidden.stop_reason == "end_turn" && forbidden.content.map(\.type) == ["text"])
        let after = try message(body(Self.tools, content: #"[{"type":"tool_result","tool_use_id":"t"}]"#))
        #expect(after.content.map(\.type) == ["text"])
        #expect(try message(body(#""tools":[]"#)).content.map(\.type) == ["text"])
    }

    @Test
    func `the pieces of a stream make the plain answer's input and thoughts`() throws {
        let request = body(Self.tools + #","thinking":{"type":"enabled","budget_tokens":1024}"#)
        let whole = try message(request)
        #expect(whole.content.map(\.type) == ["thinking", "tool_use"])
        let events = try answer(request, isStream: true).split(separator: "\n").filter { $0.hasPrefix("data: ") }
            .map { try JSONDecoder().decode(Event.self, from: Data($0.dropFirst(6).utf8)) }
        let deltas = events.filter { $0.type == "content_block_delta" }
        let input = deltas.compactMap(\.delta?.partial_json).joined()
        let decoded = try JSONDecoder().decode([String: String].self, from: Data(input.utf8))
        #expect(decoded == whole.content.last?.input)
        #expect(deltas.compactMap(\.delta?.thinking).joined() == whole.content.first?.thinking)
        #expect(deltas.compactMap(\.delta?.signature).joined() == whole.content.first?.signature)
        #expect(events.filter { $0.type == "content_block_start" }.map(\.index) == [0, 1])
        #expect(deltas.first { $0.delta?.partial_json != nil }?.delta?.partial_json == "")
    }
}
