import Domain
import Synchronization
import TestSupport
import Testing

@testable import Vault

/// Tokens of others: what is accepted, and each thing that is refused.
struct IssuerTests {
    private let clock = ManualClock()  // 2026-01-01, 1767225600

    private static let good =
        #"{"iss":"idp","aud":"relay","sub":"acme","scope":"jobs messages openid","exp":1767225660,"jti":"t1"}"#

    private func issuer(_ change: (inout TokenIssuer) -> Void = { _ in }) throws -> TokenIssuer {
        let key = try #require(VerificationKey(secret: TokenForge.secret))
        var issuer = TokenIssuer(
            name: "idp", audience: "relay", algorithm: .hs256, keys: FixedKeys(VerificationKeys([key])))
        change(&issuer)
        return issuer
    }

    private func authority(_ issuers: TokenIssuer...) throws -> TokenAuthority {
        try withTemporaryFolder { folder in
            TokenAuthority(master: try .load(orCreateAt: folder + "/master.key"), clock: clock.wall, issuers: issuers)
        }
    }

    private func refusal(of token: String, by authority: TokenAuthority) async -> CredentialRefusal? {
        do throws(CredentialRefusal) {
            _ = try await authority.verify(token)
            return nil
        } catch {
            return error
        }
    }

    private func claims(_ more: String, without name: String) -> String {
        let parts = Self.good.dropFirst().dropLast().split(separator: ",").filter { !$0.hasPrefix("\"\(name)\"") }
        return "{" + (parts.map(String.init) + [more]).filter { !$0.isEmpty }.joined(separator: ",") + "}"
    }

    @Test func `a token of a configured issuer stands for its tenant and the scopes that are the relay's`() async throws
    {
        let authority = try authority(issuer())
        for _ in 0..<2 {
            #expect(
                try await authority.holder(of: TokenForge.sign(Self.good))
                    == Caller(tenant: .sample("acme"), scopes: [.jobs, .messages]))
        }
    }

    @Test func `tenant and scopes come from the claims that are configured, scopes else from the default`() async throws
    {
        let authority = try authority(
            issuer {
                $0.tenantClaim = "org"
                $0.scopesClaim = "roles"
                $0.defaultScopes = [.messages]
                $0.allowedScopes = [.messages, .adminRead]
            })
        let named = #"{"iss":"idp","aud":["x","relay"],"org":"beta","roles":["admin:read"],"exp":1767225660}"#
        #expect(
            try await authority.holder(of: TokenForge.sign(named))
                == Caller(tenant: .sample("beta"), scopes: [.adminRead]))
        let bare = #"{"iss":"idp","aud":"relay","org":"beta","scope":"admin","exp":1767225660}"#
        #expect(
            try await authority.holder(of: TokenForge.sign(bare))
                == Caller(tenant: .sample("beta"), scopes: [.messages]))
    }

    @Test func `a token does not outlive a revocation of its tenant by its issuer's clock going ahead`() async throws {
        let authority = try authority(issuer { $0.leeway = .seconds(60) })
        let tenant = TenantID.sample("acme")
        func token(issuedAfter seconds: Int) -> String {
            let (issued, end) = (1_767_225_600 + seconds, 1_767_225_600 + 600)
            return TokenForge.sign(claims(#""iat":\#(issued),"exp":\#(end)"#, without: "exp"))
        }
        #expect(await refusal(of: token(issuedAfter: 61), by: authority) == .notYetValid)
        let ahead = token(issuedAfter: 60)
        _ = try await authority.verify(ahead)
        clock.advance(by: .seconds(30))
        authority.adopt(
            TokenRegister(keys: [], revocations: [TokenRevocation(.tenant(tenant), since: clock.timestamp)]))
        clock.advance(by: .seconds(60))
        #expect(await refusal(of: ahead, by: authority) == .revoked)
        #expect(await refusal(of: token(issuedAfter: 89), by: authority) == .revoked)
        _ = try await authority.verify(token(issuedAfter: 90))
    }

    @Test(arguments: ["admin", "jobs admin:read", "messages jobs webhooks admin"])
    func `a token that claims more than its issuer may give is refused, not cut`(scope: String) async throws {
        let token = TokenForge.sign(claims(#""scope":"\#(scope)""#, without: "scope"))
        #expect(await refusal(of: token, by: try authority(issuer())) == .excessiveScope)
        let trusted = try authority(issuer { $0.allowedScopes = Set(Caller.Scope.allCases) })
        _ = try await trusted.verify(token)
    }

    @Test(arguments: [
        (TenantClaimRule.all, true), (.listed([.sample("acme")]), true), (.listed([.sample("beta")]), false),
        (.beginning("ac"), true), (.beginning("acme-"), false),
    ])
    func `an issuer speaks for its own tenants alone`(rule: TenantClaimRule, holds: Bool) async throws {
        let authority = try authority(issuer { $0.tenants = rule })
        #expect(await refusal(of: TokenForge.sign(Self.good), by: authority) == (holds ? nil : .foreignTenant))
    }

    /// Keys that the token names turn up only when they are looked for, and then the configuration is loaded anew.
    private final class KeysDuringReload: VerificationKeySource {
        private let key: VerificationKey
        private let isFound = Mutex(false)
        let reload = Mutex<(@Sendable () -> Void)?>(nil)

        init(_ key: VerificationKey) {
            self.key = key
        }

        func current() -> (keys: VerificationKeys, generation: Int) {
            isFound.withLock { ($0 ? VerificationKeys([key]) : VerificationKeys([]), 1) }
        }

        func lookForNewer() async {
            isFound.withLock { $0 = true }
            reload.withLock { $0 }?()
        }
    }

    @Test func `a token that is being verified while its issuer is dropped is not remembered`() async throws {
        let keys = KeysDuringReload(try #require(VerificationKey(secret: TokenForge.secret)))
        let authority = try authority(TokenIssuer(name: "idp", audience: "relay", algorithm: .hs256, keys: keys))
        keys.reload.withLock { $0 = { authority.adopt([TokenIssuer]()) } }
        // Its verification began when the issuer was believed.
        #expect(await refusal(of: TokenForge.sign(Self.good), by: authority) == nil)
        for _ in 0..<2 { #expect(await refusal(of: TokenForge.sign(Self.good), by: authority) == .unknownIssuer) }
    }

    @Test func `a token that is being verified while its issuer's rules change is judged by the new ones next`()
        async throws
    {
        let keys = KeysDuringReload(try #require(VerificationKey(secret: TokenForge.secret)))
        let issuer = TokenIssuer(name: "idp", audience: "relay", algorithm: .hs256, keys: keys)
        var stricter = issuer
        stricter.allowedScopes = [.messages]
        let authority = try authority(issuer)
        keys.reload.withLock { [stricter] in $0 = { authority.adopt([stricter]) } }
        #expect(await refusal(of: TokenForge.sign(Self.good), by: authority) == nil)
        #expect(await refusal(of: TokenForge.sign(Self.good), by: authority) == .excessiveScope)
    }

    @Test func `every flaw of the claims is refused`() async throws {
        let authority = try authority(issuer())
        let flaws: [(String, CredentialRefusal)] = [
            (claims(#""iss":"other""#, without: "iss"), .unknownIssuer), (claims("", without: "iss"), .unknownIssuer),
            (claims(#""aud":"others""#, without: "aud"), .wrongAudience), (claims("", without: "aud"), .wrongAudience),
            (claims(#""aud":["relay",7]"#, without: "aud"), .wrongAudience),
            (claims("", without: "exp"), .noExpiry), (claims(#""exp":"1767225660""#, without: "exp"), .badClaims),
            (claims(#""exp":1767225540"#, without: "exp"), .expired),  // 60 s ago, the leeway
            (claims(#""exp":1767225539.5"#, without: "exp"), .expired),
            (claims(#""exp":-9223372036854775808"#, without: "exp"), .badClaims),  // has no magnitude as Int64
            (claims(#""exp":-9223372036854775808.5"#, without: "exp"), .badClaims),
            (claims(#""exp":9223372036854775807"#, without: "exp"), .badClaims),
            (claims(#""exp":-1e400"#, without: "exp"), .badClaims),
            (claims(#""iat":-9223372036854775808"#, without: "-"), .badClaims),
            (claims(#""nbf":-9223372036854775808"#, without: "-"), .badClaims),
            (claims(#""nbf":1767225661"#, without: "-"), .notYetValid),
            (claims(#""iat":1767225661"#, without: "-"), .notYetValid),
            (claims(#""nbf":null"#, without: "-"), .badClaims),
            (claims(#""sub":"no tenant!""#, without: "sub"), .noTenant), (claims("", without: "sub"), .noTenant),
            (claims(#""tenant":7"#, without: "-"), .noTenant),
            (claims(#""scope":7"#, without: "scope"), .badClaims), (claims(#""jti":7"#, without: "jti"), .badClaims),
            (claims(#""jti":"""#, without: "jti"), .badClaims),
            (claims(#""jti":"\#(String(repeating: "j", count: 257))""#, without: "jti"), .badClaims),
            (claims(#""jti":"e\#(String(repeating: "\u{301}", count: 128))""#, without: "jti"), .badClaims),
            (claims(#""sub":"root""#, without: "-"), .badClaims),  // twice
            (Self.good + " x", .badClaims), ("[]", .badClaims), ("", .badClaims),
        ]
        for (claims, expected) in flaws {
            #expect(await refusal(of: TokenForge.sign(claims), by: authority) == expected, "\(claims)")
        }
    }

    @Test func `the leeway is allowed on both sides, and no more`() async throws {
        let authority = try authority(issuer())
        for claims in [
            claims(#""exp":1767225541"#, without: "exp"), claims(#""nbf":1767225660"#, without: "-"),
            claims(#""iat":1767225660.0"#, without: "-"), claims(#""exp":1.767225660e9"#, without: "exp"),
            claims(#""jti":"\#(String(repeating: "j", count: 256))""#, without: "jti"),
        ] {
            #expect(await refusal(of: TokenForge.sign(claims), by: authority) == nil, "\(claims)")
        }
        let strict = try self.authority(issuer { $0.leeway = .zero })
        let late = TokenForge.sign(claims(#""exp":1767225600"#, without: "exp"))
        #expect(await refusal(of: late, by: strict) == .expired)
    }

    @Test func `every flaw of the header is refused`() async throws {
        let authority = try authority(issuer())
        let long = String(repeating: "k", count: 1100)
        let flaws: [(String, CredentialRefusal)] = [
            (#"{"alg":"none"}"#, .wrongAlgorithm), (#"{"alg":"None"}"#, .wrongAlgorithm),
            (#"{"alg":"hs256"}"#, .wrongAlgorithm), (#"{"alg":"HS512"}"#, .wrongAlgorithm),
            (#"{"alg":"RS256"}"#, .wrongAlgorithm), ("{}", .badHeader), (#"{"alg":7}"#, .badHeader),
            (#"{"alg":"HS256","alg":"HS256"}"#, .badHeader), (#"{"alg":"HS256","\u0061lg":"none"}"#, .badHeader),
            (#"{"alg":"HS256","crit":["exp"]}"#, .badHeader), (#"{"alg":"HS256","x":"\#(long)"}"#, .badHeader),
            (#"{"alg":"HS256","kid":7}"#, .badHeader), (#"{"alg":"HS256","typ":"JWE"}"#, .wrongType),
            (#"{"alg":"HS256"} "# + "{}", .badHeader), ("", .badHeader),
        ]
        for (header, expected) in flaws {
            #expect(
                await refusal(of: TokenForge.sign(Self.good, header: header), by: authority) == expected, "\(header)")
        }
    }

    @Test func `no other form than three parts in canonical base64url is read`() async throws {
        let authority = try authority(issuer())
        let token = TokenForge.sign(Self.good)
        let parts = token.split(separator: ".").map(String.init)
        let unsigned = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8)) + ".\(parts[1])."
        let flaws: [(String, CredentialRefusal)] = [
            (token + ".", .malformed), (token + "=", .malformed), (token + " ", .malformed), (" " + token, .malformed),
            (token + ".AAAA.AAAA", .malformed), (parts[0] + "." + parts[1], .malformed), ("", .malformed),
            ("..", .badHeader), (parts[0] + "." + parts[1] + ".", .badSignature), (unsigned, .wrongAlgorithm),
            (parts[0] + "=." + parts[1] + "." + parts[2], .malformed),
            (String(repeating: "a", count: 8193), .tooLong),
        ]
        for (text, expected) in flaws {
            #expect(await refusal(of: text, by: authority) == expected, "\(text.prefix(80))")
        }
        // 32 bytes leave 2 bits over, which must be 0: the next letter of the alphabet decodes to the same bytes.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(parts[2].last.flatMap { alphabet.firstIndex(of: $0) })
        #expect(await refusal(of: token.dropLast() + String(alphabet[last + 1]), by: authority) == .malformed)
    }

    @Test func `a token that an earlier relay issued, to the second, holds`() async throws {
        try await withTemporaryFolder { folder in
            let master = try MasterKey.load(orCreateAt: folder + "/master.key")
            let authority = TokenAuthority(master: master, clock: clock.wall)
            let claims =
                #"{"exp":1767225660,"iat":1767225600,"iss":"claude-relay","jti":"x","scopes":["jobs"],"sub":"acme"}"#
            let token = TokenForge.sign(
                claims, header: #"{"alg":"HS256","typ":"JWT"}"#, with: master.derived(for: "sign-tokens").bytes)
            #expect(try await authority.holder(of: token) == Caller(tenant: .sample("acme"), scopes: [.jobs]))
        }
    }

    @Test func `an RSA issuer takes no HS256 token, be it signed with the very public key`() async throws {
        let keys = try #require(VerificationKeys(jwks: Array(RFCExample.jwks.utf8), algorithm: .rs256))
        let authority = try authority(
            TokenIssuer(name: "idp", audience: "relay", algorithm: .rs256, keys: FixedKeys(keys)))
        let modulus = try #require(Base64URL.decode(RFCExample.rsaModulus.utf8))
        for secret in [modulus, Array(RFCExample.rsaModulus.utf8), Array(RFCExample.jwks.utf8)] {
            #expect(await refusal(of: TokenForge.sign(Self.good, with: secret), by: authority) == .wrongAlgorithm)
            let lying = TokenForge.sign(Self.good, header: #"{"alg":"RS256"}"#, with: secret)
            #expect(await refusal(of: lying, by: authority) == .badSignature)
        }
    }

    @Test func `RFC 7515's tokens pass through an issuer of their algorithm while they last`() async throws {
        let then = ManualClock(start: Timestamp(microseconds: 1_300_819_000_000_000))
        for (algorithm, token) in [(TokenAlgorithm.rs256, RFCExample.rs256), (.es256, RFCExample.es256)] {
            let keys = try #require(VerificationKeys(jwks: Array(RFCExample.jwks.utf8), algorithm: algorithm))
            var joe = TokenIssuer(name: "joe", audience: nil, algorithm: algorithm, keys: FixedKeys(keys))
            joe.tenantClaim = "iss"
            let authority = try withTemporaryFolder { folder in
                TokenAuthority(master: try .load(orCreateAt: folder + "/k"), clock: then.wall, issuers: [joe])
            }
            #expect(try await authority.holder(of: token) == Caller(tenant: .sample("joe"), scopes: []))
        }
    }

    @Test func `an issuer's token is not taken for the relay's own, and a kid must fit`() async throws {
        let key = try #require(VerificationKey(secret: TokenForge.secret, id: "k1"))
        let authority = try authority(
            TokenIssuer(name: "idp", audience: nil, algorithm: .hs256, keys: FixedKeys(VerificationKeys([key]))))
        let own = claims(#""iss":"claude-relay","scopes":["admin"],"iat":1767225600"#, without: "iss")
        #expect(await refusal(of: TokenForge.sign(own), by: authority) == .badSignature)
        func named(_ kid: String) -> String {
            TokenForge.sign(Self.good, header: #"{"alg":"HS256","kid":"\#(kid)"}"#)
        }
        #expect(await refusal(of: named("k1"), by: authority) == nil)
        #expect(await refusal(of: named("k2"), by: authority) == .unknownKey)
    }
}
