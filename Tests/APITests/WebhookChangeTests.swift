import Domain
import TestSupport
import Testing

@testable import API

struct WebhookChangeTests {
    private static let body = #"{"url":"https://a.example/hook"}"#

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
            #expect(try await world.send("GET", "/v1/webhooks").status == 200)
            world.clock.advance(by: .seconds(9))
            #expect(try await world.send("POST", "/v1/webhooks", Self.body).status == 201)
            #expect(try await world.send("POST", "/v1/webhooks", Self.body).status == 429)
        }
    }

    @Test func `other tenants and operators are not held up`() async throws {
        try await World.run(configure: { $0.webhookChanges = 1 }) { world in
            #expect(try await world.send("POST", "/v1/webhooks", Self.body).status == 201)
            #expect(try await world.send("POST", "/v1/webhooks", Self.body).status == 429)
            #expect(try await world.send("POST", "/v1/webhooks", Self.body, token: "beta").status == 201)
            for _ in 0..<3 {
                #expect(try await world.send("POST", "/v1/webhooks", Self.body, token: "acme:admin").status == 201)
            }
        }
    }

    @Test func `without a limit there is none`() async throws {
        try await World.run(configure: { $0.webhookChanges = 0 }) { world in
            for _ in 0..<70 { #expect(try await world.send("POST", "/v1/webhooks", Self.body).status == 201) }
        }
    }
}
