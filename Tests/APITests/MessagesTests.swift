import API
import Domain
import Testing
import Upstream

struct MessagesTests {
    private static let weird =
        "{ \"model\":\"claude-test\" ,\r\n\t\"max_tokens\" : 16,\"messages\":[ ],"
        + "\"max_tokens\":17,\"x\":\"\\u00e9\\/é\" }"
    private static let overloaded =
        #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_up"}"#

    @Test
    func `bytes in are bytes out, and headers pass by deny-list`() async throws {
        try await World.run { world in
            let answer = "{ \"b\":1,\n \"a\":\"\\u0041\" }"
            world.gateway.script { _ in
                .reply(
                    200, answer,
                    headers: [
                        HeaderField("anthropic-ratelimit-requests-remaining", "7"), HeaderField("set-cookie", "a=b"),
                        HeaderField("connection", "x-hop"), HeaderField("x-hop", "1"), HeaderField("x-new", "yes"),
                    ])
            }
            let headers = [
                ("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"), ("x-future", "1"), ("cookie", "c=d"),
                ("x-relay-debug", "1"), ("connection", "keep-alive, x-mine"), ("x-mine", "1"),
                ("accept-encoding", "gzip"), ("authorization", "Bearer acme"),
            ]
            let reply = try await world.send("POST", "/v1/messages?beta=true", Self.weird, headers: headers)
            #expect(reply.status == 200 && reply.text == answer)
            #expect(reply.headers["request-id"] == "req_up" && reply.headers["x-new"] == "yes")
            #expect(reply.headers["anthropic-ratelimit-requests-remaining"] == "7")
            #expect(reply.headers["set-cookie"] == nil && reply.headers["x-hop"] == nil)
            #expect(reply.headers["x-relay-error"] == nil)
            let call = try #require(world.gateway.record.calls.first)
            #expect(call.body == Array(Self.weird.utf8) && call.path == "/v1/messages?beta=true")
            let sent = Set(call.headers.map { $0.name.lowercased() })
            #expect(sent.isSuperset(of: ["anthropic-version", "anthropic-beta", "x-future"]))
            #expect(
                sent.isDisjoint(with: [
                    "x-api-key", "authorization", "cookie", "host", "content-length", "x-relay-debug", "connection",
                    "x-mine", "accept-encoding",
                ]))
        }
    }

    @Test
    func `models and token counts go through`() async throws {
        try await World.run { world in
            for _ in 0..<3 { world.gateway.script { call in .reply(200, "\"\(call.method) \(call.path)\"") } }
            #expect(try await world.send("GET", "/v1/models?limit=1000").text == "\"GET /v1/models?limit=1000\"")
            #expect(try await world.send("GET", "/v1/models/claude%2Dx").text == "\"GET /v1/models/claude%2Dx\"")
            let count = try await world.send("POST", "/v1/messages/count_tokens", "{}")
            #expect(count.text == "\"POST /v1/messages/count_tokens\"")
        }
    }

    @Test
    func `a compressed body is forwarded as it is, and counts in every limit that may be meant`() async throws {
        try await World.run { world in
            world.gateway.script { _ in .reply(200, "{}") }
            let reply = try await world.send(
                "POST", "/v1/messages", bytes: [0x1F, 0x8B, 0x00, 0xFF], headers: [("content-encoding", "gzip")])
            #expect(reply.status == 200)
            #expect(world.gateway.record.calls.first?.body == [0x1F, 0x8B, 0x00, 0xFF])
            #expect(world.gateway.record.demands == [.unread(.interactive, bytes: 4)])
        }
    }

    @Test
    func `what can end better is tried again, elsewhere, and only the end is seen`() async throws {
        try await World.run { world in
            world.gateway.script(
                { _ in .failure(.connect) }, { _ in .reply(500, "{}", .upstreamFault(retryAfter: nil)) }
            ) { _ in
                .reply(200, #"{"ok":true}"#)
            }
            let reply = try await world.advancing { try await world.send("POST", "/v1/messages", World.messageBody) }
            #expect(reply.text == #"{"ok":true}"#)
            #expect(world.gateway.record.avoided == [[], ["path-1"], ["path-1"]])
        }
    }

    @Test
    func `a client's fault is not tried again`() async throws {
        try await World.run { world in
            world.gateway.script { _ in .reply(400, #"{"type":"error"}"#, .clientFault) }
            let reply = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(reply.status == 400 && reply.text == #"{"type":"error"}"#)
            #expect(world.gateway.record.calls.count == 1)
        }
    }

    @Test
    func `overload is tried three times in all and then shown`() async throws {
        try await World.run(configure: { $0.limits.maxAttempts = 10 }) { world in
            for _ in 0..<5 { world.gateway.script { _ in .reply(529, Self.overloaded, .overloaded(retryAfter: nil)) } }
            let reply = try await world.advancing { try await world.send("POST", "/v1/messages", World.messageBody) }
            #expect(reply.status == 529 && reply.text == Self.overloaded)
            #expect(world.gateway.record.calls.count == 3)
        }
    }

    @Test(arguments: [(45, nil), (90, "false")])
    func `a limit that outlasts the budget is the client's to see`(_ seconds: Int, _ retry: String?) async throws {
        try await World.run { world in
            world.gateway.script { _ in
                .reply(
                    429, "{}", .rateLimited(retryAfter: .seconds(seconds)),
                    headers: [
                        HeaderField("retry-after", "\(seconds)")
                    ])
            }
            let reply = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(reply.status == 429 && reply.headers["retry-after"] == "\(seconds)")
            #expect(reply.headers["x-should-retry"] == retry)
            #expect(world.gateway.record.calls.count == 1)
        }
    }

    @Test(
        arguments: [
            (.reply(500, "{}", .upstreamFault(retryAfter: nil)), 500, "false"),
            (.reply(200, "{", .upstreamFault(retryAfter: nil)), 502, "false"),
            (.failure(.connect), 502, nil), (.lost, 502, "false"),
            (.reply(529, "{}", .overloaded(retryAfter: nil)), 529, nil),
            (.reply(529, "{}", .overloaded(retryAfter: .seconds(61))), 529, "false"),
            (.reply(400, "{}", .clientFault), 400, nil), (.reply(403, "{}", .permissionRefused), 403, nil),
            (.reply(429, "{}", .spendLimited), 429, "false"),
        ] as [(OpenedExchange, Int, String?)])
    func `an SDK is told not to repeat what may be billed again, nor to wait for long`(
        _ last: OpenedExchange, _ status: Int, _ advice: String?
    ) async throws {
        for body in [World.messageBody, World.streamBody] {
            try await World.run(configure: { $0.limits.maxAttempts = 1 }) { world in
                world.gateway.script { _ in last }
                let reply = try await world.send("POST", "/v1/messages", body)
                #expect(reply.status == status && reply.headers["x-should-retry"] == advice)
            }
        }
    }

    @Test
    func `a long outage of the relay's own carries the same advice`() async throws {
        try await World.run { world in
            for (seconds, advice) in [(60, nil), (300, "false")] as [(Int, String?)] {
                world.gateway.refusePermits(
                    RelayError(.noUpstreamKey, "Out.", remedy: "Wait.", retryAfter: .seconds(seconds)))
                let reply = try await world.send("POST", "/v1/messages", World.messageBody)
                #expect(reply.errorCode == "no_upstream_key" && reply.headers["x-should-retry"] == advice)
                #expect(reply.text.contains(#""message":"Claude Relay: Out. Wait.""#))
            }
        }
    }

    @Test
    func `a call whose key is held up before it is sent asks for another permit, and that is no attempt`() async throws
    {
        for body in [World.messageBody, World.streamBody] {
            try await World.run(configure: { $0.limits.maxAttempts = 1 }) { world in
                let deferred = OpenedExchange.settled(.answered(.deferred(retryAfter: nil), nil))
                for _ in 0..<3 { world.gateway.script { _ in deferred } }
                world.gateway.script { _ in .reply(404, "{}", .clientFault) }
                #expect(try await world.send("POST", "/v1/messages", body).status == 404)
                #expect(world.gateway.record.demands.count == 4)
                world.gateway.script { _ in
                    world.gateway.refusePermits(
                        RelayError(.noUpstreamKey, "Out.", remedy: "Wait.", retryAfter: .seconds(9)))
                    return deferred
                }
                let refused = try await world.send("POST", "/v1/messages", body)
                #expect(refused.errorCode == "no_upstream_key" && refused.headers["retry-after"] == "9")
            }
        }
    }

    @Test
    func `a call that is held up again and again ends as one that found no permit`() async throws {
        try await World.run { world in
            for _ in 0..<20 { world.gateway.script { _ in .settled(.answered(.deferred(retryAfter: nil), nil)) } }
            let reply = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(reply.errorCode == "pacing_exhausted" && reply.headers["retry-after"] == "1")
            #expect(world.gateway.record.calls.count == 11)
        }
    }

    @Test(arguments: [#""max_tokens":0"#, #""max_tokens":16.0"#, #""max_tokens":16,"messages_v2":{}"#])
    func `what a newer API may allow is the upstream's to judge`(_ members: String) async throws {
        try await World.run { world in
            world.gateway.script { _ in .reply(200, "{}") }
            let reply = try await world.send("POST", "/v1/messages", #"{"model":"m","messages":[],"# + members + "}")
            #expect(reply.status == 200 && world.gateway.record.calls.count == 1)
        }
    }

    @Test
    func `refused keys and lost connections are the relay's own errors`() async throws {
        try await World.run { world in
            for _ in 0..<3 { world.gateway.script { _ in .reply(401, #"{"hint":"sk-ant"}"#, .keyRefused) } }
            let refused = try await world.advancing { try await world.send("POST", "/v1/messages", World.messageBody) }
            #expect(refused.errorCode == "no_upstream_key" && !refused.text.contains("sk-ant"))
            let lost = try await world.advancing { try await world.send("POST", "/v1/messages", World.messageBody) }
            #expect(lost.errorCode == "upstream_unreachable" && lost.status == 502)
            world.gateway.refusePermits(
                RelayError(.pacingExhausted, "Busy.", remedy: "Wait.", retryAfter: .milliseconds(1500)))
            let paced = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(paced.errorCode == "pacing_exhausted" && paced.headers["retry-after"] == "2")
        }
    }

    @Test
    func `a client that goes away while the upstream thinks cancels the call`() async throws {
        try await World.run { world in
            let (cancelled, signal) = AsyncStream<Void>.makeStream()
            let (started, start) = AsyncStream<Void>.makeStream()
            world.gateway.script { _ in
                start.yield()
                let never = AsyncStream<Never>.makeStream()
                for await _ in never.stream {}
                if Task.isCancelled { signal.yield() }
                return .failure(.canceled)
            }
            try await LoopbackClient.connect(to: world.port) { client in
                let body = World.messageBody
                try await client.send(
                    "POST /v1/messages HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\n"
                        + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
                )
                for await _ in started { break }
            }
            for await _ in cancelled { break }
        }
    }

    @Test
    func `health, readiness and metrics are open`() async throws {
        try await World.run { world in
            let health = try await world.send("GET", "/healthz", token: nil)
            #expect(health.status == 200)
            #expect(try await world.send("GET", "/readyz", token: nil).status == 200)
            #expect(try await world.send("GET", "/metrics", token: nil).text == "up 1\n")
            world.gateway.removeKey()
            #expect(try await world.send("GET", "/readyz", token: nil).errorCode == "no_upstream_key")
        }
    }
}
