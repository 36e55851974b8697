import FoundationEssentials
import NIOCore
import NIOHTTP1
import Testing

@testable import ClaudeSim

struct AnswerTests {
    private struct Usage: Decodable {
        let input_tokens: Int
        let output_tokens: Int
    }

    private struct Message: Decodable {
        struct Block: Decodable { let text: String }
        let model: String
        let content: [Block]
        let stop_reason: String?
        let usage: Usage
    }

    private struct Event: Decodable {
        struct Delta: Decodable {
            let text: String?
            let stop_reason: String?
        }
        let type: String
        let message: Message?
        let delta: Delta?
        let usage: Usage?
    }

    private static let filler = FillerText(count: 40)

    private func facts(maxTokens: Int) throws -> MessageFacts {
        let body = Array(
            #"{"model":"m \" ✓","max_tokens":\#(maxTokens),"messages":[{"role":"user","content":"x"}]}"#.utf8
        )
        return MessageFacts(
            fields: try RequestFields(body: body, needsMaxTokens: true), fingerprint: Fingerprint(of: body),
            bodyBytes: body.count, fullLength: Self.filler.count
        )
    }

    private func composed(
        _ facts: MessageFacts, isStream: Bool, fault: FaultKind? = nil, interval: LatencyDistribution = .none
    ) -> [ReplyStep] {
        let composer = ReplyComposer(
            writer: MessageWriter(filler: Self.filler), latency: .none, tokenInterval: interval, slowness: .seconds(5)
        )
        var random = SeededGenerator(seed: 1)
        return composer.steps(
            for: facts, isStream: isStream, fault: fault, requestID: "req_1", headers: [:], using: &random
        )
    }

    private func text(_ steps: [ReplyStep]) -> String {
        let whole = steps.reduce(into: ByteBuffer()) { whole, step in
            if case .bytes(let bytes) = step { whole.writeImmutableBuffer(bytes) }
        }
        return String(buffer: whole)
    }

    private func events(_ steps: [ReplyStep]) throws -> [Event] {
        let blocks = text(steps).split(separator: "\n\n")
        return try blocks.map { block in
            let lines = block.split(separator: "\n")
            try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "))
            let event = try JSONDecoder().decode(Event.self, from: Data(lines[1].dropFirst(6).utf8))
            #expect(event.type == lines[0].dropFirst(7))
            return event
        }
    }

    @Test(arguments: [1, 2, 39, 40, 41, 5_000])
    func `a plain answer is JSON, echoes the body and obeys max_tokens`(maxTokens: Int) throws {
        let facts = try facts(maxTokens: maxTokens)
        let message = try JSONDecoder().decode(Message.self, from: Data(text(composed(facts, isStream: false)).utf8))
        #expect(message.model == "m \" ✓")
        #expect(message.content[0].text.hasPrefix("echo:\(facts.fingerprint.hex)"))
        #expect(message.content[0].text.split(separator: " ").count == min(maxTokens, 40))
        #expect(message.usage.output_tokens == min(maxTokens, 40))
        #expect(message.stop_reason == (maxTokens < 40 ? "max_tokens" : "end_turn"))
    }

    @Test func `max_tokens 0 gives an answer without content`() throws {
        let facts = try facts(maxTokens: 0)
        let message = try JSONDecoder().decode(Message.self, from: Data(text(composed(facts, isStream: false)).utf8))
        #expect(message.content.isEmpty && message.usage.output_tokens == 0)
        #expect(try events(composed(facts, isStream: true)).map(\.type).last == "message_stop")
    }

    @Test(arguments: [1, 2, 40])
    func `a stream follows the grammar and says what the plain answer says`(maxTokens: Int) throws {
        let facts = try facts(maxTokens: maxTokens)
        let events = try events(composed(facts, isStream: true))
        let expected =
            ["message_start", "content_block_start", "ping"]
            + Array(repeating: "content_block_delta", count: maxTokens)
            + ["content_block_stop", "message_delta", "message_stop"]
        #expect(events.map(\.type) == expected)
        #expect(events[0].message?.content.isEmpty == true && events[0].message?.stop_reason == nil)
        let plain = try JSONDecoder().decode(Message.self, from: Data(text(composed(facts, isStream: false)).utf8))
        #expect(events.compactMap(\.delta?.text).joined() == plain.content[0].text)
        #expect(events[events.count - 2].usage?.output_tokens == maxTokens)
        #expect(events[events.count - 2].delta?.stop_reason == plain.stop_reason)
    }

    @Test func `pauses stand between deltas, each before one whole event`() throws {
        let steps = composed(try facts(maxTokens: 5), isStream: true, interval: .fixed(.milliseconds(10)))
        #expect(steps.count { $0 == .wait(.milliseconds(10)) } == 4)
        for case .bytes(let bytes) in steps { #expect(String(buffer: bytes).hasSuffix("\n\n")) }
        #expect(steps.last == .end)
    }

    @Test func `a broken stream has some deltas, no end, and ends in its own way`() throws {
        let facts = try facts(maxTokens: 10)
        for (fault, last) in [(FaultKind.resetStream, ReplyStep.reset), (.truncatedJSON, .end), (.errorStream, .end)] {
            let steps = composed(facts, isStream: true, fault: fault)
            let types = try events(steps).map(\.type)
            #expect(types.count { $0 == "content_block_delta" } == 5)
            #expect(!types.contains("message_delta") && !types.contains("message_stop"))
            #expect(types.contains("error") == (fault == .errorStream))
            #expect(steps.last == last)
        }
    }

    @Test func `a truncated body is framed correctly but is half of the JSON; a reset body is promised whole`() throws {
        let facts = try facts(maxTokens: 10)
        let whole = text(composed(facts, isStream: false)).utf8.count
        for (fault, promised) in [(FaultKind.truncatedJSON, whole / 2), (.resetBody, whole)] {
            let steps = composed(facts, isStream: false, fault: fault)
            guard case .head(200, let headers) = steps[0] else { Issue.record("no head"); continue }
            #expect(headers.first(name: "content-length") == String(promised))
            #expect(text(steps).utf8.count == whole / 2)
        }
    }

    @Test func `a dripping answer is the same bytes in small pieces`() throws {
        let facts = try facts(maxTokens: 10)
        let steps = composed(facts, isStream: false, fault: .drip)
        #expect(text(steps) == text(composed(facts, isStream: false)))
        for case .bytes(let bytes) in steps { #expect((1...7).contains(bytes.readableBytes)) }
        #expect(steps.last == .end)
    }

    @Test(arguments: FaultKind.allCases)
    func `each fault shows the status it is counted under`(fault: FaultKind) throws {
        let fitted = fault.fitted(toStream: false)
        let shown = composed(try facts(maxTokens: 3), isStream: false, fault: fitted).compactMap { step in
            if case .head(let status, _) = step { status } else { nil }
        }
        #expect(shown == [fitted.status].compactMap { $0 })
    }
}
