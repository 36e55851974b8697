import Domain
import FoundationEssentials
import TestSupport
import Testing
import Vault

@Suite struct TokenAuthorityTests {
    private let clock = ManualClock()

    private func withAuthority(_ body: (TokenAuthority) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            try await body(TokenAuthority(master: .load(orCreateAt: folder + "/master.key"), clock: clock.wall))
        }
    }

    private func caller(_ scopes: Set<Caller.Scope> = [.jobs, .messages]) throws -> Caller {
        Caller(tenant: try #require(TenantID("acme")), scopes: scopes)
    }

    private func refusal(of token: String, by authority: TokenAuthority) async -> CredentialRefusal? {
        do throws(CredentialRefusal) {
            _ = try await authority.verify(token)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an issued token stands for its tenant and scopes`() async throws {
        try await withAuthority { authority in
            for scopes in [[.jobs, .messages], [.adminRead, .webhooks], Set(Caller.Scope.allCases)] {
                let token = try authority.issue(for: caller(scopes), lifetime: .seconds(60))
                #expect(try await authority.holder(of: token.reveal()) == caller(scopes))
                #expect(try await authority.holder(of: token.reveal()) == caller(scopes))  // from the cache
            }
        }
    }

    @Test func `a token is refused once it has expired, whether it was seen before or not`() async throws {
        try await withAuthority { authority in
            let seen = try authority.issue(for: caller(), lifetime: .seconds(60)).reveal()
            let unseen = try authority.issue(for: caller([.admin]), lifetime: .seconds(60)).reveal()
            _ = try await authority.verify(seen)
            clock.advance(by: .seconds(121))  // lifetime and leeway
            for token in [seen, unseen] { #expect(await refusal(of: token, by: authority) == .expired) }
        }
    }

    @Test func `a token of another relay is refused`() async throws {
        try await withAuthority { authority in
            try await withAuthority { stranger in
                let token = try stranger.issue(for: caller(), lifetime: .seconds(60)).reveal()
                #expect(await refusal(of: token, by: authority) == .badSignature)
            }
        }
    }

    @Test func `no change of a token's payload, header or signature survives`() async throws {
        try await withAuthority { authority in
            let token = try authority.issue(for: caller(), lifetime: .seconds(60)).reveal()
            let parts = token.split(separator: ".").map(String.init)
            let none = Data(#"{"alg":"none","typ":"JWT"}"#.utf8).base64EncodedString()
            let forged = [
                "", ".", "..", "sk-ant-key", "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])",
                "\(parts[0]).\(parts[1]).", "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[0]).\(parts[2])",
                token + "A", String(repeating: "a", count: 9000),
            ]
            for text in forged { #expect(await refusal(of: text, by: authority) != nil, "\(text)") }
        }
    }

    // MARK: Revocation

    @Test func `revoking a tenant ends what was issued before, seen or not, and not what is issued after`() async throws
    {
        try await withAuthority { authority in
            let seen = try authority.issue(for: caller(), lifetime: .seconds(600)).reveal()
            let unseen = try authority.issue(for: caller([.admin]), lifetime: .seconds(600)).reveal()
            let other = Caller(tenant: .sample("beta"), scopes: [.jobs])
            let others = try authority.issue(for: other, lifetime: .seconds(600)).reveal()
            for token in [seen, others] { _ = try await authority.verify(token) }
            clock.advance(by: .microseconds(1))
            let revocation = TokenRevocation(.tenant(.sample("acme")), since: clock.timestamp)
            authority.adopt(TokenRegister(keys: [], revocations: [revocation]))
            for token in [seen, unseen] { #expect(await refusal(of: token, by: authority) == .revoked) }
            #expect(try await authority.holder(of: others) == other)
            let later = try authority.issue(for: caller(), lifetime: .seconds(600)).reveal()
            #expect(try await authority.holder(of: later) == caller())
        }
    }

    @Test func `revoking a jti ends that token alone`() async throws {
        try await withAuthority { authority in
            let tokens = try (0..<2).map { _ in try authority.issue(for: caller(), lifetime: .seconds(600)).reveal() }
            for token in tokens { _ = try await authority.verify(token) }
            let id = try identifier(of: tokens[0])
            authority.adopt(
                TokenRegister(keys: [], revocations: [TokenRevocation(.token(id), since: clock.timestamp)]))
            #expect(await refusal(of: tokens[0], by: authority) == .revoked)
            #expect(try await authority.holder(of: tokens[1]) == caller())
        }
    }

    private func identifier(of token: String) throws -> String {
        let payload = try #require(token.split(separator: ".").dropFirst().first)
        let standard = payload.replacing("-", with: "+").replacing("_", with: "/")
        let padded = String(standard) + String(repeating: "=", count: (4 - standard.count % 4) % 4)
        let fields = try JSONFields(Array(try #require(Data(base64Encoded: padded))))
        return try fields.require("jti", "a string", fields.string)
    }

    @Test func `a caller is known by the jti of its token or the id of its API key`() async throws {
        try await withAuthority { authority in
            let token = try authority.issue(for: try caller(), lifetime: .seconds(60), id: "token-7").reveal()
            #expect(try identifier(of: token) == "token-7")
            for _ in 0..<2 { #expect(try await authority.verify(token).credential == .token("token-7")) }
            let (secret, key) = authority.makeAPIKey(for: try caller(), name: "", lifetime: nil)
            authority.adopt(TokenRegister(keys: [key], revocations: []))
            #expect(try await authority.verify(secret.reveal()).credential == .key(key.id) && key.id.hasPrefix("key_"))
        }
    }

    // MARK: API keys

    @Test func `an API key holds from when the store has it until it is revoked or expires`() async throws {
        try await withAuthority { authority in
            let (secret, key) = authority.makeAPIKey(for: try caller(), name: "ci", lifetime: .seconds(60))
            let text = secret.reveal()
            #expect(text.hasPrefix(key.prefix) && text.hasPrefix("sk-relay-") && text.utf8.count == 57)
            #expect(await refusal(of: text, by: authority) == .unknownAPIKey)
            authority.adopt(TokenRegister(keys: [key], revocations: []))
            #expect(try await authority.holder(of: text) == caller())
            let revoked = key.with(revokedAt: clock.timestamp, lastUsedAt: nil)
            authority.adopt(TokenRegister(keys: [revoked], revocations: []))
            #expect(await refusal(of: text, by: authority) == .unknownAPIKey)
            authority.adopt(TokenRegister(keys: [key], revocations: []))
            clock.advance(by: .seconds(60))
            #expect(await refusal(of: text, by: authority) == .expired)
        }
    }

    @Test func `an API key with another secret, and those of a revoked tenant, do not hold`() async throws {
        try await withAuthority { authority in
            let (secret, key) = authority.makeAPIKey(for: try caller(), name: "", lifetime: nil)
            authority.adopt(TokenRegister(keys: [key], revocations: []))
            let text = secret.reveal()
            let last = text.last == "A" ? "B" : "A"
            for other in [text.dropLast() + last, text + "A", key.prefix + "", text.replacing("sk-", with: "SK-")] {
                #expect(await refusal(of: String(other), by: authority) != nil, "\(other)")
            }
            clock.advance(by: .microseconds(1))
            let revocation = TokenRevocation(.tenant(key.tenant), since: clock.timestamp)
            authority.adopt(TokenRegister(keys: [key], revocations: [revocation]))
            #expect(await refusal(of: text, by: authority) == .unknownAPIKey)
        }
    }

    @Test func `the use of an API key is noted once a minute`() async throws {
        try await withAuthority { authority in
            let (secret, key) = authority.makeAPIKey(for: try caller(), name: "", lifetime: nil)
            authority.adopt(TokenRegister(keys: [key], revocations: []))
            for _ in 0..<3 { _ = try await authority.verify(secret.reveal()) }
            #expect(authority.takeUses() == [key.id: clock.timestamp])
            _ = try await authority.verify(secret.reveal())
            #expect(authority.takeUses().isEmpty)
            clock.advance(by: .seconds(60))
            _ = try await authority.verify(secret.reveal())
            #expect(authority.takeUses() == [key.id: clock.timestamp])
        }
    }

    @Test func `no two API keys are alike, and a key does not print`() async throws {
        try await withAuthority { authority in
            let made = try (0..<100).map { _ in authority.makeAPIKey(for: try caller(), name: "", lifetime: nil) }
            #expect(Set(made.map { $0.secret.reveal() }).count == 100 && Set(made.map(\.key.id)).count == 100)
            #expect(!"\(made[0])".contains(made[0].secret.reveal()))
        }
    }
}
