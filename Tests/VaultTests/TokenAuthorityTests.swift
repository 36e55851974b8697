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

    @Test func `an issued token stands for its tenant and scopes`() async throws {
        try await withAuthority { authority in
            let token = try authority.issue(for: caller(), lifetime: .seconds(60))
            #expect(try await authority.verify(token.reveal()) == caller())
            #expect(try await authority.verify(token.reveal()) == caller())  // from the cache
        }
    }

    @Test func `a token is refused once it has expired, whether it was seen before or not`() async throws {
        try await withAuthority { authority in
            let seen = try authority.issue(for: caller(), lifetime: .seconds(60)).reveal()
            let unseen = try authority.issue(for: caller([.admin]), lifetime: .seconds(60)).reveal()
            _ = try await authority.verify(seen)
            clock.advance(by: .seconds(121))  // lifetime and leeway
            for token in [seen, unseen] {
                let error = await #expect(throws: RelayError.self) { try await authority.verify(token) }
                #expect(error?.code == .tokenExpired)
            }
        }
    }

    @Test func `a token of another relay is refused`() async throws {
        try await withAuthority { authority in
            try await withAuthority { stranger in
                let token = try stranger.issue(for: caller(), lifetime: .seconds(60)).reveal()
                let error = await #expect(throws: RelayError.self) { try await authority.verify(token) }
                #expect(error?.code == .tokenInvalid)
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
                token + "A", String(repeating: "a", count: 5000),
            ]
            for text in forged {
                let error = await #expect(throws: RelayError.self) { try await authority.verify(text) }
                #expect(error?.code == .tokenInvalid, "\(text)")
            }
        }
    }
}
