import Domain
import TestSupport
import Testing

@testable import API

struct WebhookChangeTests {
    private static let body = #"{"url":"https://a.example/hook"}"#

    /// - Returns: the answer's status.
    private func register(_ world: World, token: String = "acme") async throws -> Int {
        try await world.send("POST", "/v1/webhooks", Self.body, token: token).status
    }

    @Test func `a tenant's changes of endpoints have a limit a minute, each kind of them, and come back with time`()
        async throws
    {
        try await World.run(configure: { $0.webhookChanges = 7 }) { world in
            let made = try await world.send("POST", "/v1/webhooks", Self.body)
            let path = "/v1/webhooks/\(made.field("id"))"
            #expect(made.status == 201)
            for (method, end, body) in [
                ("PATCH", "", #"{"description":"x"}"#), ("POST", "/pause", ""), ("POST", "/resume", ""),
                ("POST", "/rotate", ""), ("POST", "/test", ""), ("DELETE", "", nil),
            ] {
                let reply = try await world.send(method, path + end, body)
                #expect((200...202).contains(reply.status))
            }
            let refused = try await world.send("POST", "/v1/webhooks", Self.body)
            #expect(refused.status == 429 && refused.errorCode == "webhook_changes_limited")
            #expect(refused.text.contains(#""type":"rate_limit_error""#) && refused.headers["retry-after"] == "9")
            let listed = try await world.send("GET", "/v1/webhooks")
            #expect(listed.status == 200)
            world.clock.advance(by: .seconds(9))
            let later = [try await register(world), try await register(world)]
            #expect(later == [201, 429])
        }
    }

    @Test func `other tenants and operators are not held up`() async throws {
        try await World.run(configure: { $0.webhookChanges = 1 }) { world in
            let own = [try await register(world), try await register(world)]
            let others = try await register(world, token: "beta")
            #expect(own == [201, 429] && others == 201)
            for _ in 0..<3 {
                let status = try await register(world, token: "acme:admin")
                #expect(status == 201)
            }
        }
    }

    @Test func `without a limit there is none`() async throws {
        try await World.run(configure: { $0.webhookChanges = 0 }) { world in
            for _ in 0..<70 {
                let status = try await register(world)
                #expect(status == 201)
            }
        }
    }
}
