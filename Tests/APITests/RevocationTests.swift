import API
import Domain
import Queue
import TestSupport
import Testing

/// A credential that is revoked while a request that began with it is still being received.
struct RevocationTests {
    /// Has the head accepted, sends `first`, waits until `isReached`, revokes the credential, and sends `rest`.
    private func upload(
        _ target: String, _ first: String, _ rest: String, in world: World, type: String = "application/x-ndjson",
        once isReached: @Sendable () async throws -> Bool = { true }
    ) async throws -> LoopbackClient.Reply {
        try await LoopbackClient.connect(to: world.port) { client in
            try await client.send(
                "POST \(target) HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\ncontent-type: \(type)\r\n"
                    + "expect: 100-continue\r\ncontent-length: \(first.utf8.count + rest.utf8.count)\r\n\r\n")
            #expect(try await client.head().status == 100)
            try await client.send(first)
            while try await !isReached() { await Task.yield() }
            world.tokens.revoke("acme")
            try await client.send(rest)
            return try await client.reply()
        }
    }

    @Test func `lines that follow a revocation are refused, and those before it stay`() async throws {
        try await World.run { world in
            let line = World.jobBody + "\n"
            let reply = try await upload(
                "/v1/jobs", String(repeating: line, count: 64), String(repeating: line, count: 700), in: world
            ) { try await world.store.counts(of: .sample())[.queued] == 64 }
            #expect(reply.status == 202 && reply.headers["x-relay-accepted"] == "64")
            #expect(reply.text.contains("token_invalid"))
            #expect(try await world.store.counts(of: .sample())[.queued] == 64)
            #expect(try await world.send("GET", "/v1/jobs").errorCode == "token_invalid")
        }
    }

    @Test func `a submission of which nothing was taken answers 401`() async throws {
        try await World.run { world in
            let line = World.jobBody + "\n"
            let reply = try await upload("/v1/jobs", line, line, in: world)
            #expect(reply.status == 401 && reply.headers["x-relay-refused"] == "2")
            #expect(try await world.store.counts(of: .sample())[.queued] == 0)
        }
    }

    @Test func `a batch whose credential was revoked while it came in is not accepted`() async throws {
        try await World.run { world in
            func request(_ name: String) -> String { #"{"custom_id":"\#(name)","params":\#(World.messageBody)}"# }
            let many = (0..<500).map { request("c\($0)") }.joined(separator: ",")
            let reply = try await upload(
                "/v1/messages/batches", #"{"requests":["# + many, "," + request("last") + "]}", in: world)
            #expect(reply.errorCode == "token_invalid")
            let query = BatchQuery(tenant: .sample(), start: .newest, limit: 5)
            #expect(try await world.store.batches(query).batches.isEmpty)
        }
    }

    @Test func `a job whose credential was revoked before its body was there is not accepted`() async throws {
        try await World.run { world in
            let (first, rest) = (String(World.jobBody.prefix(20)), String(World.jobBody.dropFirst(20)))
            let reply = try await upload("/v1/jobs", first, rest, in: world, type: "application/json")
            #expect(reply.errorCode == "token_invalid")
        }
    }

    @Test(arguments: ["/v1/messages", "/v1/messages/count_tokens", "/v1/webhooks"])
    func `nothing is done for a credential that was revoked before the whole body was there`(_ target: String)
        async throws
    {
        try await World.run { world in
            let (first, rest) = (String(World.messageBody.prefix(20)), String(World.messageBody.dropFirst(20)))
            let reply = try await upload(target, first, rest, in: world, type: "application/json")
            #expect(reply.errorCode == "token_invalid")
            #expect(world.gateway.record.calls.isEmpty)
        }
    }

    @Test func `a long poll whose credential is revoked meanwhile shows no job`() async throws {
        try await World.run { world in
            let id = try await world.submit()
            async let waiting = world.send("GET", "/v1/jobs/\(id)?wait=30")
            await world.clock.waitForSleepers()
            world.tokens.revoke("acme")
            world.clock.advance(by: .seconds(1))
            try await world.finishJob()
            let reply = try await waiting
            #expect(reply.errorCode == "token_invalid" && !reply.text.contains(id))
        }
    }
}
