import Testing

@testable import API

/// What one tenant's requests may hold of the process's memory.
@Suite(.timeLimit(.minutes(1)))
struct BodyMemoryTests {
    private static let megabyte = String(repeating: " ", count: 1 << 20)

    @Test func `bodies that have come hold memory until their requests end; beyond it is 503, for that tenant alone`()
        async throws
    {
        try await World.run(configure: { $0.limits.bodyMemory = 4 << 20 }) { world in
            try await LoopbackClient.connect(to: world.port) { first in
                // One request that never ends holds three of four megabytes.
                try await first.send(
                    "POST /v1/messages HTTP/1.1\r\nhost: relay\r\nx-api-key: acme\r\ncontent-length: 9000000\r\n\r\n"
                        + String(repeating: Self.megabyte, count: 3))
                while world.bodyBytesHeld < 3 << 20 { await Task.yield() }
                let refused = try await world.send("POST", "/v1/jobs", World.jobBody + Self.megabyte)
                #expect(refused.status == 503 && refused.errorCode == "local_exhaustion")
                #expect(refused.headers["retry-after"] == "1")
                #expect(try await world.send("POST", "/v1/jobs", World.jobBody, token: "other").status == 202)
            }
            while world.bodyBytesHeld > 0 { await Task.yield() }
            #expect(try await world.send("POST", "/v1/jobs", World.jobBody + Self.megabyte).status == 202)
        }
    }

    @Test func `answers to a bulk submission count, and what came before the end of memory is told`() async throws {
        try await World.run(configure: { $0.limits.bodyMemory = 200_000 }) { world in
            let body = World.jobBody + "\n" + String(repeating: "x\n", count: 50_000)
            let reply = try await world.send(
                "POST", "/v1/jobs", body, headers: [("content-type", "application/x-ndjson")])
            let lines = reply.text.split(separator: "\n")
            #expect(reply.status == 202 && reply.headers["x-relay-accepted"] == "1")
            #expect(lines.count < 50_000 && lines.last?.contains("local_exhaustion") == true)
            #expect(reply.headers["retry-after"] == "1")
            while world.bodyBytesHeld > 0 { await Task.yield() }
        }
    }
}
