import API
import Domain
import Queue
import TestSupport
import Testing
import Upstream

/// What tenants may ask for, what it counts for, and how operators see it. Prices: $1 and $10 for a million tokens.
struct TenantTests {
    private func limit(
        _ world: World, _ tenant: String = "acme", _ change: (inout TenantLimits) -> Void
    ) async throws {
        var limits = TenantLimits()
        change(&limits)
        try await world.store.setLimits(limits, of: .sample(tenant), at: world.clock.timestamp)
        try await world.tenants.synchronize()
    }

    /// An answer of 100 tokens in and 10 out: 200 micro-dollars.
    private static let answer = answered(TokenUsage(input: 100, output: 10))

    private static func answered(_ usage: TokenUsage?) -> OpenedExchange {
        let reply = UpstreamReply(
            status: 200, headers: [HeaderField("content-type", "application/json")], body: Array("{}".utf8))
        let now = Timestamp(microseconds: 0)
        return .settled(
            Exchange(
                verdict: .success, reply: reply, key: "default", egress: "direct", startedAt: now, endedAt: now,
                usage: usage))
    }

    private func spent(_ world: World) async throws -> BudgetBook.Entry {
        let now = world.clock.timestamp
        return try await world.store.budget(of: .sample(), at: now)[BudgetPeriod(.day, containing: now)]
    }

    @Test func `requests beyond the rate are refused until there is room, of that tenant alone`() async throws {
        try await World.run { world in
            try await limit(world) { $0.requestsPerSecond = 2 }
            for _ in 0..<3 { #expect(try await world.send("GET", "/v1/jobs").status == 200) }
            let refused = try await world.send("GET", "/v1/jobs")
            #expect(refused.errorCode == "tenant_rate_limited" && refused.status == 429)
            #expect(refused.headers["retry-after"] == "1" && refused.text.contains("2 requests"))
            #expect(try await world.send("GET", "/v1/jobs", token: "other").status == 200)
            #expect(try await world.send("GET", "/admin/v1/tenants", token: "acme:admin").status == 200)
            world.clock.advance(by: .milliseconds(500))
            #expect(try await world.send("GET", "/v1/jobs").status == 200)
            #expect(try await world.send("GET", "/v1/jobs").errorCode == "tenant_rate_limited")
        }
    }

    @Test func `calls under way are limited, and a call that has ended makes room`() async throws {
        try await World.run { world in
            try await limit(world) { $0.concurrency = 1 }
            let (gates, opening) = AsyncStream<Void>.makeStream()
            let (arrivals, arriving) = AsyncStream<Void>.makeStream()
            world.gateway.script(
                { _ in
                    arriving.yield()
                    for await _ in gates { break }
                    return Self.answer
                }, { _ in Self.answer })
            async let first = world.send("POST", "/v1/messages", World.messageBody)
            for await _ in arrivals { break }
            let refused = try await world.send("POST", "/v1/messages", World.messageBody)
            #expect(refused.errorCode == "tenant_concurrency" && refused.text.contains("has 1 synchronous"))
            opening.yield()
            #expect(try await first.status == 200)
            #expect(try await world.send("POST", "/v1/messages", World.messageBody).status == 200)
        }
    }

    @Test func `a call spends what its answer says; without a word it spends all that was reserved`() async throws {
        try await World.run { world in
            try await limit(world) { $0.budget.moneyPerDay = Money(microdollars: 2000) }
            world.gateway.script({ _ in Self.answer }, { _ in Self.answered(nil) })
            #expect(try await world.send("POST", "/v1/messages", World.messageBody).status == 200)
            #expect(try await spent(world).spent.money.microdollars == 200)
            #expect(try await world.send("POST", "/v1/messages", World.messageBody).status == 200)
            let entry = try await spent(world)
            #expect(entry.reserved == .nothing && entry.spent.money.microdollars == 200 + 526 + 160)
            world.gateway.refusePermits(RelayError(.noUpstreamKey, "None.", remedy: "Add one."))
            #expect(try await world.send("POST", "/v1/messages", World.messageBody).errorCode == "no_upstream_key")
            #expect(try await spent(world) == entry)
        }
    }

    @Test func `a spent budget says what is left, until when, and not to insist`() async throws {
        try await World.run { world in
            try await limit(world) { $0.budget.moneyPerDay = Money(microdollars: 700) }
            world.gateway.script { _ in Self.answer }
            #expect(try await world.send("POST", "/v1/messages", World.messageBody).status == 200)
            for (path, body) in [("/v1/messages", World.messageBody), ("/v1/jobs", World.jobBody)] {
                let refused = try await world.send("POST", path, body)
                #expect(refused.errorCode == "budget_exhausted" && refused.headers["retry-after"] == "86400")
                #expect(refused.headers["x-should-retry"] == "false")
                #expect(refused.text.contains("day 2026-01-01 is $0.0007; $0.0002 are spent"))
            }
            let hopeless = #"{"model":"claude-test","max_tokens":1000,"messages":[]}"#
            let refused = try await world.send("POST", "/v1/messages", hopeless)
            #expect(refused.errorCode == "budget_exhausted" && refused.headers["retry-after"] == nil)
            #expect(refused.headers["x-should-retry"] == "false" && refused.text.contains("max_tokens"))
            #expect(try await world.send("POST", "/v1/jobs", World.jobBody, token: "other").status == 202)
        }
    }

    @Test func `a stream that breaks off is charged for what came`() async throws {
        try await World.run { world in
            try await limit(world) { $0.budget.moneyPerDay = Money(microdollars: 5000) }
            let start = Array(
                """
                event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":40,"output_tokens":1}}}\n
                event: content_block_start\ndata: {}\n\n
                """.utf8)
            let broken = TransportFailure(.broken, maybeSent: true, detail: "reset")
            world.gateway.script { _ in .events([start], then: broken) }
            _ = try await world.send("POST", "/v1/messages", World.streamBody)
            let entry = try await spent(world)
            #expect(entry.reserved == .nothing && entry.spent.tokens == 40 + 16, "max_tokens is 16")
            #expect(world.gateway.record.usages == [TokenUsage(input: 40, output: 16)], "and so it is paced")
        }
    }

    @Test func `what cannot be counted is refused to those whose calls are`() async throws {
        try await World.run { configuration in
            configuration.forwardsOtherPaths = true
        } _: { world in
            try await limit(world) { $0.budget.tokensPerMonth = 1_000_000 }
            let packed = try await world.send(
                "POST", "/v1/messages", World.messageBody, headers: [("content-encoding", "gzip")])
            #expect(packed.errorCode == "model_not_allowed")
            #expect(try await world.send("POST", "/v1/complete", "{}").errorCode == "model_not_allowed")
            world.gateway.script { _ in .reply(200, "{}") }
            #expect(try await world.send("POST", "/v1/complete", "{}", token: "other").status == 200)
        }
    }

    @Test func `models and sizes are checked wherever a request comes in`() async throws {
        try await World.run { world in
            try await limit(world) {
                $0.models = ModelAllowance(text: "claude-sonnet-*")
                $0.bodyBytes = 1000
            }
            let batch = #"{"requests":[{"custom_id":"a","params":\#(World.messageBody)}]}"#
            for (path, body) in [
                ("/v1/messages", World.messageBody), ("/v1/messages", World.streamBody), ("/v1/jobs", World.jobBody),
                ("/v1/messages/count_tokens", World.messageBody), ("/v1/messages/batches", batch),
            ] {
                let refused = try await world.send("POST", path, body)
                #expect(refused.errorCode == "model_not_allowed", "\(path)")
                #expect(refused.text.contains("'claude-test'; the tenant may call claude-sonnet-*"))
            }
            let lines = try await world.send(
                "POST", "/v1/jobs", World.jobBody + "\n", headers: [("content-type", "application/x-ndjson")])
            #expect(lines.text.contains("model_not_allowed") && lines.headers["x-relay-refused"] == "1")
            let long = String(repeating: " ", count: 1000)
            for path in ["/v1/messages", "/v1/jobs", "/v1/messages/count_tokens"] {
                #expect(try await world.send("POST", path, World.messageBody + long).errorCode == "body_too_large")
            }
        }
    }

    @Test func `usage is shown to its tenant and to operators, as JSON and CSV`() async throws {
        try await World.run { world in
            world.gateway.script({ _ in Self.answer }, { _ in Self.answer }, { _ in .reply(404, "{}", .clientFault) })
            for token in ["acme", "other"] {
                #expect(try await world.send("POST", "/v1/messages", World.messageBody, token: token).status == 200)
            }
            let odd = #"{"model":"=a,\"b","max_tokens":16,"messages":[]}"#
            #expect(try await world.send("POST", "/v1/messages", odd).status == 404)
            try await world.tenants.synchronize()
            let own = try await world.send("GET", "/v1/usage?by=tenant,model")
            #expect(own.text.contains(#""tenant":"acme","model":"claude-test","requests":1,"errors":0"#))
            #expect(own.text.contains(#""cost_usd":0.0002"#) && !own.text.contains("other"))
            let all = try await world.send("GET", "/admin/v1/usage?by=model&format=csv", token: "root:admin")
            #expect(all.headers["content-type"] == "text/csv; charset=utf-8")
            #expect(
                all.text == """
                    model,requests,errors,maybe_billed,unpriced,input_tokens,output_tokens,cache_creation_input_tokens,\
                    cache_read_input_tokens,cost_usd\r
                    "'=a,""b",1,1,0,1,0,0,0,0,0.00\r
                    claude-test,2,0,0,0,200,20,0,0,0.0004\r

                    """)
            #expect(try await world.send("GET", "/admin/v1/usage").errorCode == "scope_missing")
            for query in ["by=colour", "since=yesterday", "format=xml"] {
                #expect(try await world.send("GET", "/v1/usage?\(query)").errorCode == "query_invalid")
            }
        }
    }

    @Test func `operators set, see and remove limits`() async throws {
        try await World.run { world in
            let path = "/admin/v1/tenants/acme"
            func patch(_ body: String) async throws -> LoopbackClient.Reply {
                try await world.send("PATCH", path, body, token: "root:admin")
            }
            #expect(try await world.send("GET", path, token: "root:admin").errorCode == "tenant_unknown")
            let set = try await patch(
                #"{"requests_per_second":0.5,"models":["a*","b"],"usd_per_day":1.25,"tokens_per_month":9,"weight":3}"#)
            #expect(set.status == 200 && set.text.contains(#""requests_per_second":0.5,"#))
            #expect(set.text.contains(#""models":["a*","b"]"#) && set.text.contains(#""usd_per_day":1.25,"#))
            #expect(set.text.contains(#""weight":3,"max_running":null"#))
            let capped = try await patch(#"{"max_running":2}"#)
            #expect(capped.text.contains(#""weight":3,"max_running":2"#), "what is not named stays")
            let open = try await patch(#"{"max_running":null}"#)
            #expect(open.text.contains(#""weight":3,"max_running":null"#))
            #expect(set.text.contains(#""usd":{"limit":1.25,"spent":0.00,"reserved":0.00}"#))
            let removed = try await patch(#"{"models":null}"#)
            #expect(removed.text.contains(#""models":null"#) && removed.text.contains(#""usd_per_day":1.25"#))
            for bad in [
                #"{"concurrency":0}"#, #"{"models":["a b"]}"#, #"{"usd_per_day":-1}"#, #"{"colour":1}"#,
                #"{"requests_per_second":true}"#, #"{"weight":0}"#,
            ] {
                #expect(try await patch(bad).errorCode == "field_invalid", "\(bad)")
            }
            let list = try await world.send("GET", "/admin/v1/tenants", token: "root:admin")
            #expect(list.text.contains(#"{"data":[{"name":"acme","weight":3"#))
            #expect(try await world.send("GET", path).errorCode == "scope_missing")
        }
    }

    @Test func `tenants have pages, and one beyond the first is shown and changed like any other`() async throws {
        try await World.run { world in
            for number in 1...1001 {
                let share = try #require(TenantShare(tenant: .sample("t\(number)"), weight: 7, maxRunning: nil))
                try await world.store.setShare(share)
            }
            let admin = "root:admin"
            let first = try await world.send("GET", "/admin/v1/tenants", token: admin)
            #expect(first.text.hasSuffix(#""has_more":true,"last_id":"t998"}"#))
            let rest = try await world.send("GET", "/admin/v1/tenants?after=t998&limit=5", token: admin)
            #expect(rest.text.contains(#""name":"t999""#))
            #expect(rest.text.hasSuffix(#""has_more":false,"last_id":"t999"}"#))
            #expect(try await world.send("GET", "/admin/v1/tenants/t999", token: admin).status == 200)
            let changed = try await world.send(
                "PATCH", "/admin/v1/tenants/t999", #"{"max_running":9}"#, token: admin)
            #expect(changed.status == 200 && changed.text.contains(#""weight":7,"max_running":9"#))
        }
    }

    @Test func `a retry is refused for a model that the tenant may not call any more, or that no budget pays`()
        async throws
    {
        try await World.run { world in
            let id = try await world.submit()
            #expect(try await world.send("POST", "/v1/jobs/\(id)/cancel").status == 200)
            try await limit(world) { $0.models = ModelAllowance(text: "claude-haiku-*") }
            #expect(try await world.send("POST", "/v1/jobs/\(id)/retry").errorCode == "model_not_allowed")
            try await limit(world) { $0.budget.moneyPerDay = Money(microdollars: 1) }
            #expect(try await world.send("POST", "/v1/jobs/\(id)/retry").errorCode == "budget_exhausted")
            try await limit(world) { $0.budget.moneyPerDay = Money(dollars: "20") }
            #expect(try await world.send("POST", "/v1/jobs/\(id)/retry").status == 202)
            #expect(try await spent(world).reserved.money > .zero)
        }
    }

    @Test func `a job is counted although its process has not heard of the budget yet`() async throws {
        try await World.run { world in
            var limits = TenantLimits()
            limits.budget.moneyPerDay = Money(dollars: "20")
            try await world.store.setLimits(limits, of: .sample(), at: world.clock.timestamp)
            _ = try await world.submit()
            #expect(try await spent(world).reserved.money > .zero)
            #expect(try await world.send("POST", "/v1/jobs", World.jobBody).status == 202)
        }
    }

    @Test func `lines that come after a limit was set obey it`() async throws {
        try await World.run { world in
            let lines = String(repeating: World.jobBody + "\n", count: 64)
            let reply = try await LoopbackClient.connect(to: world.port) { client in
                try await client.send(
                    "POST /v1/jobs HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\n"
                        + "content-type: application/x-ndjson\r\ncontent-length: \((lines + World.jobBody).utf8.count)\r\n\r\n\(lines)"
                )
                while try await world.store.counts(of: .sample())[.queued] == 0 { await Task.yield() }
                try await limit(world) { $0.models = ModelAllowance(text: "claude-haiku-*") }
                try await client.send(World.jobBody)
                return try await client.reply()
            }
            #expect(reply.headers["x-relay-accepted"] == "64" && reply.headers["x-relay-refused"] == "1")
            #expect(reply.text.contains("model_not_allowed"))
        }
    }
}
