package import Domain
import FoundationEssentials
import Synchronization

/// Issues and verifies the tokens that tenants' programs carry: JWTs, HS256, under a key derived from the master key.
///
/// A verified token is remembered until it expires, by its hash, so that the next call with it costs one SHA-256.
package final class TokenAuthority: TokenVerifier {
    private static let issuer = "claude-relay"
    private static let cacheLimit = 10_000
    private static let tokenLimit = 4096
    /// How far clocks of two machines may differ.
    private static let leeway = Duration.seconds(60)

    private let tokens: JSONWebToken
    private let clock: any WallClock
    private let verified = Mutex<[[UInt8]: Verified]>([:])

    private struct Verified {
        let caller: Caller
        let expiresAt: Timestamp
    }

    package init(master: MasterKey, clock: any WallClock) {
        self.clock = clock
        tokens = JSONWebToken(key: master.derived(for: "sign-tokens"))
    }

    /// - Parameter lifetime: from now; more than 0.
    package func issue(for caller: Caller, lifetime: Duration) throws(RelayError) -> Secret {
        let now = clock.now()
        let claims = TokenClaims(
            issuer: Self.issuer, tenant: caller.tenant.text, scopes: caller.scopes.map(\.rawValue).sorted(),
            issuedAt: now.microseconds / 1_000_000,
            expiresAt: now.advanced(by: lifetime).microseconds / 1_000_000,
            id: UUID().uuidString.lowercased())
        do {
            return Secret(try tokens.sign(claims))
        } catch {
            throw RelayError(.internalFault, "The token could not be signed.", remedy: "Report this as a defect.")
        }
    }

    package func verify(_ token: String) async throws(RelayError) -> Caller {
        guard token.utf8.count <= Self.tokenLimit else { throw Self.invalid }
        let hash = Digest.sha256(Array(token.utf8))
        let now = clock.now()
        if let known = verified.withLock({ $0[hash] }) {
            guard now < known.expiresAt else { throw Self.expired }
            return known.caller
        }
        guard let claims = tokens.verify(token) else { throw Self.invalid }
        let expiresAt = Timestamp(microseconds: 0).advanced(by: .seconds(claims.expiresAt) + Self.leeway)
        guard now < expiresAt else { throw Self.expired }
        let caller = try caller(of: claims)
        remember(Verified(caller: caller, expiresAt: expiresAt), under: hash, now: now)
        return caller
    }

    private func caller(of claims: TokenClaims) throws(RelayError) -> Caller {
        guard claims.issuer == Self.issuer, let tenant = TenantID(claims.tenant) else { throw Self.invalid }
        return Caller(tenant: tenant, scopes: Set(claims.scopes.compactMap(Caller.Scope.init(rawValue:))))
    }

    private func remember(_ entry: Verified, under hash: [UInt8], now: Timestamp) {
        verified.withLock { cache in
            if cache.count >= Self.cacheLimit { cache = cache.filter { now < $0.value.expiresAt } }
            if cache.count >= Self.cacheLimit { cache.removeAll() }
            cache[hash] = entry
        }
    }

    private static let invalid = RelayError(
        .tokenInvalid, "The credential is not a token of this relay.",
        remedy: "Ask the relay's operator for a token (relay tokens issue --tenant NAME).")

    private static let expired = RelayError(
        .tokenExpired, "The token has expired.",
        remedy: "Ask the relay's operator for a new token (relay tokens issue --tenant NAME).")
}
