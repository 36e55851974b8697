import API
import Domain
import Testing
import TestSupport
import Upstream

struct ByteExactnessTests {
    @Test(arguments: UInt64(0)..<60)
    func `whatever JSON a client writes, the upstream gets its bytes, and the client the upstream's`(seed: UInt64)
        async throws
    {
        var random = SeededGenerator(seed: seed)
        let body = RandomJSON.request(using: &random)
        let answer = RandomJSON.object(depth: 3, using: &random)
        try await World.run { world in
            world.gateway.script { _ in .raw(200, "application/json", answer) }
            let reply = try await world.send("POST", "/v1/messages", bytes: body)
            #expect(reply.status == 200 && reply.body == answer, "\(String(decoding: body, as: UTF8.self))")
            let call = try #require(world.gateway.record.calls.first)
            #expect(call.body == body && call.isIntact)
            #expect(call.digest == BodyDigest(body))
        }
    }

    @Test(arguments: ["gzip", "deflate", "br", "zstd", "gzip, br", "x-new"])
    func `a compressed body keeps its bytes and its name, and its answer is not held up`(_ encoding: String)
        async throws
    {
        try await World.run { world in
            let (chunks, upstream) = AsyncStream<[UInt8]>.makeStream()
            world.gateway.script { _ in .stream(StreamTests.body(of: chunks)) }
            let body: [UInt8] = [0x1F, 0x8B, 0x00, 0xFF, 0x7B, 0x7D, 0x0A]
            try await LoopbackClient.connect(to: world.port) { client in
                let head =
                    "POST /v1/messages HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\ncontent-encoding: \(encoding)\r\n"
                    + "accept-encoding: gzip\r\ncontent-length: \(body.count)\r\n\r\n"
                try await client.send(Array(head.utf8) + body)
                let event = Array("event: content_block_start\ndata: {}\n\n".utf8)
                upstream.yield(event)
                #expect(try await client.head().status == 200)
                #expect(try await client.chunk() == event)
                upstream.finish()
            }
            let call = try #require(world.gateway.record.calls.first)
            #expect(call.body == body && call.headers.first("content-encoding") == encoding)
            #expect(call.headers.first("accept-encoding") == nil)
        }
    }

    @Test
    func `what is said about the upstream's host stays there`() async throws {
        try await World.run { world in
            let dropped = ["alt-svc", "strict-transport-security", "nel", "report-to", "set-cookie"]
            let kept = [
                "request-id", "retry-after", "anthropic-ratelimit-tokens-reset", "anthropic-organization-id",
                "anthropic-fast-tokens-limit", "cf-ray", "x-new",
            ]
            world.gateway.script { _ in
                .raw(200, "application/json", Array("{}".utf8), headers: (dropped + kept).map { HeaderField($0, "v") })
            }
            let reply = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(dropped.allSatisfy { reply.headers[$0] == nil })
            #expect(kept.allSatisfy { reply.headers[$0] == "v" })
        }
    }

    @Test
    func `a request that was damaged inside the relay is said to be, and not tried again`() async throws {
        try await World.run { world in
            world.gateway.script { _ in .failure(.altered) }
            let reply = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(reply.errorCode == "internal_fault" && world.gateway.record.calls.count == 1)
        }
    }
}

/// JSON as no encoder would write it: odd spacing, duplicate keys, escapes, numbers beyond any integer.
private enum RandomJSON {
    private static let texts = [
        "", "a", "é", "\\u00e9", "\\u00E9", "😀", "\\ud83d\\ude00", "\\ud83d", "\\/", "/", "\\\"", "\\\\",
        "\\n\\t\\r\\b\\f",
        "\u{2028}", "\u{7F}", "\\u0000", "日本", "\\u0061",
    ]
    private static let numbers = [
        "0", "-0", "0.10", "1E5", "1e+05", "-1.5e-300", "1e999", "12345678901234567890123456789",
        "0.1000000000000000055511",
    ]

    static func request(using random: inout SeededGenerator) -> [UInt8] {
        var members = [
            #""model"\#(space(&random)):"claude-\#(pick(texts, &random))""#,
            #""max_tokens":\#(space(&random))16"#,
            #""messages":\#(space(&random))[\#(value(3, &random)),\#(value(2, &random))]"#,
        ]
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            members.append(#""\#(pick(texts, &random))x"\#(space(&random)):\#(value(3, &random))"#)
        }
        members.append(#""max_tokens":\#(pick(["16", "17"], &random))"#)
        members.append(#""stream":\#(pick(["false", "null"], &random))"#)
        members.shuffle(using: &random)
        return Array((space(&random) + "{" + join(members, &random) + "}" + space(&random)).utf8)
    }

    static func object(depth: Int, using random: inout SeededGenerator) -> [UInt8] {
        Array((space(&random) + members(depth, &random) + space(&random)).utf8)
    }

    private static func value(_ depth: Int, _ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &random) {
        case 0: return "\"\(pick(texts, &random))\(pick(texts, &random))\""
        case 1: return pick(numbers, &random)
        case 2: return pick(["true", "false", "null"], &random)
        case 3: return pick(["{ }", "[ ]", "{}", "[]"], &random)
        case 4: return "[" + join((0..<3).map { _ in value(depth - 1, &random) }, &random) + "]"
        default: return members(depth - 1, &random)
        }
    }

    private static func members(_ depth: Int, _ random: inout SeededGenerator) -> String {
        let count = Int.random(in: 0...4, using: &random)
        let parts = (0..<count).map { _ in "\"\(pick(texts, &random))\"\(space(&random)):\(value(depth, &random))" }
        return "{" + join(parts, &random) + "}"
    }

    private static func join(_ parts: [String], _ random: inout SeededGenerator) -> String {
        parts.map { space(&random) + $0 + space(&random) }.joined(separator: ",")
    }

    private static func space(_ random: inout SeededGenerator) -> String {
        pick(["", "", "", " ", "\n", "\r\n\t", "   "], &random)
    }

    private static func pick(_ choices: [String], _ random: inout SeededGenerator) -> String {
        choices.randomElement(using: &random) ?? ""
    }
}
