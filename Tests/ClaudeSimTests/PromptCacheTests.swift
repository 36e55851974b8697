import Testing

@testable import ClaudeSim

struct PromptCacheTests {
    private static let mark = #","cache_control":{"type":"ephemeral"}"#

    private func body(system: String, messages: [String], marked: Set<Int>, model: String = "m") -> [UInt8] {
        let texts = messages.enumerated().map { position, text in
            #"{"role":"user","content":[{"type":"text","text":"\#(text)"\#(marked.contains(position) ? Self.mark : "")}]}"#
        }
        let list = texts.joined(separator: ",")
        return Array(#"{"model":"\#(model)","max_tokens":4,"messages":[\#(list)],"system":\#(system)}"#.utf8)
    }

    private func prefix(_ body: [UInt8]) throws -> PromptPrefix {
        try RequestFields(body: body, needsMaxTokens: true).prefix
    }

    @Test func `the first use creates, the next reads instead of input, and only in that organization`() throws {
        let client = SimulatorClient()
        let system = #""system":[{"type":"text","text":"\#(String(repeating: "s", count: 2_000))"\#(Self.mark)}],"#
        let usages = try [("k1", "a"), ("k1", "b"), ("k2", "a")].map {
            try client.call(key: $0.0, content: $0.1, extra: system).usage
        }
        #expect(usages.map { $0.cache_creation_input_tokens > 500 } == [true, false, true])
        #expect(usages.map { $0.cache_read_input_tokens > 500 } == [false, true, false])
        #expect(usages[0].input_tokens == usages[1].input_tokens && usages[0].input_tokens < 60)
        let report = client.simulator.report()
        #expect(report.cache.hits == 1 && report.cache.misses == 2)
        #expect(report.organizations["k1"]?.cache.hits == 1 && report.organizations["k2"]?.cache.hits == 0)
        #expect(report.cache.readTokens == usages[1].cache_read_input_tokens)
    }

    @Test func `what is read from the cache does not count to the input limit`() throws {
        let client = try SimulatorClient {
            $0.limits = try Limits(rps: nil, burst: nil, concurrency: nil, inputTokensPerMinute: 4_000)
        }
        let text = String(repeating: "s", count: 12_000)
        let system = #""system":[{"type":"text","text":"\#(text)"\#(Self.mark)}],"#
        #expect((0..<5).map { client.call(content: "\($0)", extra: system).status } == [200, 200, 200, 200, 200])
        #expect(client.call(model: "claude-sonnet-4-6", extra: system).status == 429)
    }

    @Test func `a faulty request keeps nothing`() throws {
        let client = SimulatorClient()
        let system = #""system":[{"type":"text","text":"s"\#(Self.mark)}],"#
        _ = client.call(extra: system, headers: [("x-sim-fault", "529")])
        #expect(try client.call(extra: system).usage.cache_read_input_tokens == 0)
        #expect(client.simulator.report().cache.misses == 1)
    }

    @Test func `what is not marked is not kept, as Claude does it`() throws {
        let body = body(system: "\"\(String(repeating: "s", count: 9_000))\"", messages: ["a"], marked: [])
        #expect(try prefix(body).breakpoints.isEmpty)
    }

    @Test func `a conversation that grows and moves its mark finds what it marked before`() throws {
        let first = try prefix(body(system: "\"s\"", messages: ["a"], marked: [0]))
        let second = try prefix(body(system: "\"s\"", messages: ["a", "b", "c"], marked: [0, 2]))
        let third = try prefix(body(system: "\"s\"", messages: ["a", "b", "c", "d"], marked: [2, 3]))
        #expect(first.breakpoints.count == 1 && second.breakpoints.count == 2)
        #expect(second.breakpoints[0] == first.breakpoints[0])
        #expect(third.breakpoints[0] == second.breakpoints[1])
        var cache = PromptCache()
        cache.keep(second, organization: "o", at: .zero)
        let use = cache.look(up: third, organization: "o", at: .zero)
        #expect(use.read == second.breakpoints[1].bytes / 4 && use.created > 0)
    }

    @Test func `another model, system or earlier message is another prefix`() throws {
        let bodies = [
            body(system: "\"s\"", messages: ["a", "b"], marked: [1]),
            body(system: "\"t\"", messages: ["a", "b"], marked: [1]),
            body(system: "\"s\"", messages: ["x", "b"], marked: [1]),
            body(system: "\"s\"", messages: ["a", "b"], marked: [1], model: "n"),
        ]
        #expect(Set(try bodies.map { try prefix($0) }).count == 4)
        let later = body(system: "\"s\"", messages: ["a", "b", "other"], marked: [1])
        #expect(try prefix(later) == prefix(bodies[0]))
    }

    @Test(arguments: [
        #"{"cache_control":{"type":"ephemeral"},"type":"text","text":"x"}"#,
        #"{"type":"text", "cache_control" : {"type":"ephemeral"},"text":"x"}"#,
    ])
    func `a mark may stand anywhere in its block, and the whole block counts`(block: String) throws {
        func prefix(_ block: String) throws -> PromptPrefix {
            let messages = #"[{"role":"user","content":[\#(block)]}]"#
            return try self.prefix(Array(#"{"model":"m","max_tokens":4,"messages":\#(messages)}"#.utf8))
        }
        let found = try prefix(block).breakpoints
        #expect(found.count == 1)
        #expect(found != (try prefix(block.replacing("\"x\"", with: "\"y\"")).breakpoints))
    }

    @Test func `words about cache_control are not a mark`() throws {
        let quoted = body(system: "\"s\"", messages: [#"\"cache_control\":{\"type\":\"ephemeral\"}"#], marked: [])
        #expect(try prefix(quoted) == .none)
        let null = #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"a","cache_control":null}]}"#
        #expect(try prefix(Array(null.utf8)) == .none)
    }

    @Test func `a prefix lives five minutes after its last use, and their number is bounded`() throws {
        let prefixes = try ["a", "b"].map { try prefix(body(system: "\"s\"", messages: [$0], marked: [0])) }
        var cache = PromptCache(capacity: 1)
        cache.keep(prefixes[0], organization: "o", at: .zero)
        cache.keep(prefixes[0], organization: "o", at: .seconds(200))
        cache.keep(prefixes[1], organization: "o", at: .seconds(201))
        #expect(cache.look(up: prefixes[0], organization: "o", at: .seconds(499)).read > 0)
        #expect(cache.look(up: prefixes[0], organization: "o", at: .seconds(500)).read == 0)
        #expect(cache.look(up: prefixes[1], organization: "o", at: .seconds(202)).read == 0)
        cache.keep(prefixes[1], organization: "o", at: .seconds(501))
        #expect(cache.look(up: prefixes[1], organization: "o", at: .seconds(502)).read > 0)
    }
}
