import Domain
import Queue
import TestSupport
import Testing

@testable import API

/// Credentials on the wire: what callers learn of them, what operators do with them.
struct TokenTests {
    // MARK: Refusals

    @Test func `whatever is wrong with a credential, the answer is the same but for its request id`() async throws {
        try await World.run { world in
            func answer(_ token: String) async throws -> String {
                let reply = try await world.send("GET", "/v1/jobs", token: token)
                #expect(reply.errorCode == "token_invalid")
                return reply.text.replacing(reply.field("request_id"), with: "")
            }
            let answers = [try await answer("bad"), try await answer("expired"), try await answer("no tenant")]
            #expect(Set(answers).count == 1)
        }
    }

    @Test func `after many failures further ones are told to wait, and a credential that holds passes`() async throws {
        try await World.run(configure: { $0.failedAttempts = 3 }) { world in
            for _ in 0..<3 {
                #expect(try await world.send("GET", "/v1/jobs", token: "bad").errorCode == "token_invalid")
            }
            world.clock.advance(by: .seconds(20))
            let slowed = try await world.send("GET", "/v1/jobs", token: "bad")
            #expect(slowed.errorCode == "auth_throttled" && slowed.headers["retry-after"] == "40")
            #expect(slowed.headers["x-should-retry"] == "false")
            #expect(try await world.send("GET", "/v1/jobs", token: "acme").status == 200)
            #expect(try await world.send("GET", "/v1/jobs", token: nil).errorCode == "token_missing")
            world.clock.advance(by: .seconds(40))
            #expect(try await world.send("GET", "/v1/jobs", token: "bad").errorCode == "token_invalid")
        }
    }

    // MARK: Scopes

    @Test(arguments: [
        ("GET", "/v1/jobs", "acme:admin:read", 200), ("POST", "/v1/jobs", "acme:admin:read", 403),
        ("GET", "/v1/webhooks", "acme:webhooks", 200), ("GET", "/v1/webhooks", "acme:jobs", 200),
        ("GET", "/v1/webhooks", "acme:messages", 403), ("GET", "/v1/webhooks", "acme:admin:read", 403),
        ("GET", "/v1/jobs", "acme:webhooks", 403), ("GET", "/v1/models", "acme:admin:read", 403),
        ("GET", "/admin/v1/egress", "acme:admin:read", 200), ("GET", "/admin/v1/tokens", "acme:admin:read", 200),
        ("GET", "/admin/v1/tokens", "acme:jobs+messages+webhooks", 403),
        ("POST", "/admin/v1/tokens", "acme:admin:read", 403),
        ("POST", "/admin/v1/tokens/revoke", "acme:admin:read", 403),
        ("DELETE", "/admin/v1/tokens/key_x", "acme:admin:read", 403),
        ("POST", "/admin/v1/egress/direct/disable", "acme:admin:read", 403),
    ])
    func `a token opens what its scopes name`(
        _ method: String, _ target: String, _ token: String, _ status: Int
    ) async throws {
        try await World.run { world in
            let reply = try await world.send(method, target, method == "GET" ? nil : "{}", token: token)
            #expect(reply.status == status && (status != 403 || reply.errorCode == "scope_missing"))
        }
    }

    @Test func `who may read as an operator sees another tenant's job and cannot cancel or retry it`() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let auditor = "root:admin:read+jobs"
            #expect(try await world.send("GET", "/v1/jobs/\(id)", token: auditor).field("id") == id)
            #expect(try await world.send("GET", "/v1/jobs?tenant=acme", token: auditor).status == 200)
            for verb in ["cancel", "retry"] {
                let reply = try await world.send("POST", "/v1/jobs/\(id)/\(verb)", "", token: auditor)
                #expect(reply.errorCode == "job_unknown")
            }
            #expect(try await world.send("GET", "/v1/jobs/\(id)", token: "acme").field("status") == "queued")
        }
    }

    // MARK: Operators

    @Test func `a key is made, shown once, found by its prefix, and revoked`() async throws {
        try await World.run { world in
            let body = #"{"tenant":"beta","scopes":["messages","admin:read"],"name":"ci","ttl_seconds":60}"#
            let made = try await world.send("POST", "/admin/v1/tokens", body, token: "root:admin")
            #expect(made.status == 201 && made.headers["cache-control"] == "no-store")
            let (key, prefix) = (made.field("key"), made.field("prefix"))
            #expect(key.hasPrefix(prefix) && made.field("scopes") == #"["admin:read","messages"]"#)
            #expect(made.field("tenant") == "beta" && made.field("expires_at") == "2026-01-01T00:01:00.000000Z")
            let found = try await world.send("GET", "/admin/v1/tokens?prefix=\(prefix)", token: "root:admin")
            #expect(found.text.contains(made.field("id")) && !found.text.contains(key))
            let others = try await world.send("GET", "/admin/v1/tokens?tenant=acme", token: "root:admin")
            #expect(others.field("data") == "[]")
            let path = "/admin/v1/tokens/\(made.field("id"))"
            let gone = try await world.send("DELETE", path, token: "root:admin")
            #expect(gone.field("revoked_at") == "2026-01-01T00:00:00.000000Z")
            #expect(try await world.store.apiKeys(of: nil).map(\.revokedAt) == [world.clock.timestamp])
            let unknown = try await world.send("DELETE", "/admin/v1/tokens/key_none", token: "root:admin")
            #expect(unknown.errorCode == "token_unknown")
        }
    }

    @Test func `keys and revocations have pages of their own`() async throws {
        try await World.run { world in
            let body = #"{"tenant":"beta","scopes":["jobs"]}"#
            for number in 1...3 {
                _ = try await world.send("POST", "/admin/v1/tokens", body, token: "root:admin")
                let token = #"{"jti":"t\#(number)"}"#
                _ = try await world.send("POST", "/admin/v1/tokens/revoke", token, token: "root:admin")
                world.clock.advance(by: .seconds(1))
            }
            let first = try await world.send("GET", "/admin/v1/tokens?limit=2", token: "root:admin")
            #expect(first.field("has_more") == "true" && first.field("revocations_has_more") == "true")
            #expect(first.field("revocations_last_id") == "jti:t2")
            let target = "/admin/v1/tokens?limit=2&after=\(first.field("last_id"))&revocations_after=jti:t2"
            let second = try await world.send("GET", target, token: "root:admin")
            #expect(second.field("has_more") == "false" && second.field("revocations_has_more") == "false")
            #expect(second.field("first_id") == second.field("last_id") && second.field("last_id").hasPrefix("key_"))
            #expect(second.field("revocations_last_id") == "jti:t3")
            for query in ["limit=0", "limit=1001", "revocations_after=x"] {
                let refused = try await world.send("GET", "/admin/v1/tokens?\(query)", token: "root:admin")
                #expect(refused.errorCode == "query_invalid")
            }
        }
    }

    @Test func `a revocation is in force when it is answered`() async throws {
        try await World.run { world in
            for (body, subject) in [
                (#"{"jti":"t1"}"#, TokenRevocation.Subject.token("t1")),
                (#"{"tenant":"beta"}"#, .tenant(.sample("beta"))),
            ] {
                let before = world.desk.refreshes
                let reply = try await world.send("POST", "/admin/v1/tokens/revoke", body, token: "root:admin")
                #expect(reply.status == 200 && reply.field("type") == "revocation")
                #expect(world.desk.refreshes == before + 1)
                #expect(try await world.store.revocations().map(\.subject).contains(subject))
            }
            let list = try await world.send("GET", "/admin/v1/tokens", token: "root:admin")
            #expect(list.field("revocations").contains(#""jti":"t1""#))
        }
    }

    @Test(arguments: [
        ("/admin/v1/tokens", "{}", "field_missing"), ("/admin/v1/tokens", #"{"tenant":"a"}"#, "field_missing"),
        ("/admin/v1/tokens", #"{"tenant":"a!","scopes":["jobs"]}"#, "field_invalid"),
        ("/admin/v1/tokens", #"{"tenant":"a","scopes":[]}"#, "field_invalid"),
        ("/admin/v1/tokens", #"{"tenant":"a","scopes":["jobs","root"]}"#, "field_invalid"),
        ("/admin/v1/tokens", #"{"tenant":"a","scopes":["jobs"],"ttl_seconds":0}"#, "field_invalid"),
        ("/admin/v1/tokens", #"{"tenant":"a","scopes":["jobs"],"ttl":5}"#, "field_invalid"),
        ("/admin/v1/tokens/revoke", "{}", "field_missing"),
        ("/admin/v1/tokens/revoke", #"{"jti":"a","tenant":"b"}"#, "field_missing"),
        ("/admin/v1/tokens/revoke", #"{"jti":""}"#, "field_invalid"),
        ("/admin/v1/tokens/revoke", #"{"tenant":"a b"}"#, "field_invalid"),
    ])
    func `a body that is not what it must be changes nothing`(
        _ path: String, _ body: String, _ code: String
    ) async throws {
        try await World.run { world in
            let reply = try await world.send("POST", path, body, token: "root:admin")
            let revision = try await world.store.tokenRevision()
            #expect(reply.errorCode == code && revision == 0)
        }
    }
}
