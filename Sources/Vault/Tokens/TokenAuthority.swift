package import Domain
import FoundationEssentials
import Synchronization

/// Verifies the credentials that tenants' programs carry, and issues the relay's own.
///
/// A credential is a JWT, of the relay itself (HS256 under a key derived from the master key) or of an issuer that the
/// operator trusts, or an API key of the relay. A verified JWT is remembered until it expires, by its hash, so that the
/// next call with it costs one SHA-256; so does each call with an API key.
package final class TokenAuthority: TokenVerifier {
    /// The relay's own name as an issuer.
    package static let ownIssuer = "claude-relay"

    private let ownKey: SymmetricKey
    private let clock: any WallClock
    private let state: Mutex<VerifiedTokens>

    /// - Parameter issuers: whose tokens are accepted beside the relay's own; each name once.
    package init(master: MasterKey, clock: any WallClock, issuers: [TokenIssuer] = []) {
        self.clock = clock
        ownKey = master.derived(for: "sign-tokens")
        state = Mutex(VerifiedTokens(issuers: issuers + [Self.own(ownKey)].compactMap(\.self)))
    }

    /// Accepts the tokens of these beside the relay's own from now on, and of no others.
    package func adopt(_ issuers: [TokenIssuer]) {
        let all = issuers + [Self.own(ownKey)].compactMap(\.self)
        state.withLock { $0.adopt(all) }
    }

    private static func own(_ key: SymmetricKey) -> TokenIssuer? {
        guard let key = VerificationKey(secret: key.bytes) else { return nil }
        var issuer = TokenIssuer(
            name: ownIssuer, audience: nil, algorithm: .hs256, keys: FixedKeys(VerificationKeys([key])))
        issuer.tenantClaim = "sub"
        issuer.scopesClaim = "scopes"
        issuer.allowedScopes = Set(Caller.Scope.allCases)
        return issuer
    }

    // MARK: Issuing

    /// A new `jti`.
    package static func makeTokenID() -> String {
        UUID().uuidString.lowercased()
    }

    /// - Parameters:
    ///   - lifetime: from now; more than 0.
    ///   - id: its `jti`, by which it is revoked and found in the audit log.
    package func issue(
        for caller: Caller, lifetime: Duration, id: String = makeTokenID()
    ) throws(RelayError) -> Secret {
        let now = clock.now()
        var claims = JSONObject()
        claims.set("iss", Self.ownIssuer)
        claims.set("sub", caller.tenant.text)
        claims.set("scopes", caller.scopes.map(\.rawValue).sorted())
        // To the microsecond: a token that is issued right after a revocation of its tenant must not be taken for older.
        claims.setRaw("iat", Array(Self.decimal(now).utf8))
        claims.set("exp", Int(now.advanced(by: lifetime).microseconds / 1_000_000))
        claims.set("jti", id)
        let signed = [Self.header, Base64URL.encode(claims.closed())].joined(separator: ".")
        let signature = Digest.hmac(Array(signed.utf8), key: ownKey.bytes)
        return Secret("\(signed).\(Base64URL.encode(signature))")
    }

    private static let header = Base64URL.encode(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))

    private static func decimal(_ time: Timestamp) -> String {
        let (seconds, rest) = max(0, time.microseconds).quotientAndRemainder(dividingBy: 1_000_000)
        return "\(seconds).\(String(1_000_000 + rest).dropFirst())"
    }

    /// A new API key, and how it is to be kept.
    /// - Parameters:
    ///   - name: for people.
    ///   - lifetime: from now; nil for ever.
    package func makeAPIKey(for caller: Caller, name: String, lifetime: Duration?) -> (secret: Secret, key: APIKey) {
        var random = SystemRandomNumberGenerator()
        let now = clock.now()
        let text = APIKeyText.make(using: &random)
        let key = APIKey(
            id: APIKey.makeID(at: now, using: &random), prefix: APIKeyText.prefix(of: text) ?? "",
            hash: Digest.sha256(Array(text.utf8)), tenant: caller.tenant, scopes: caller.scopes, name: name,
            createdAt: now, expiresAt: lifetime.map(now.advanced(by:)))
        return (Secret(text), key)
    }

    // MARK: The store's word

    /// Takes over what the store says now. What it revokes does not hold from here on, verified before or not.
    package func adopt(_ register: TokenRegister) {
        state.withLock { $0.adopt(register) }
    }

    /// API keys that have been used since the last call, and when, to a minute.
    package func takeUses() -> [String: Timestamp] {
        state.withLock { $0.takeUses() }
    }

    // MARK: Verifying

    package func verify(_ token: String) async throws(CredentialRefusal) -> Caller {
        guard token.utf8.count <= CompactToken.limit else { throw .tooLong }
        let hash = Digest.sha256(Array(token.utf8))
        let now = clock.now()
        if let prefix = APIKeyText.prefix(of: token) { return try verify(hash, ofKey: prefix, at: now) }
        let (issuers, known) = state.withLock { ($0.issuers, $0.entry(hash)) }
        if let known, issuers.list[known.issuer].keys.current().generation == known.generation {
            guard now < known.grant.expiresAt else {
                state.withLock { $0.forget(hash) }
                throw .expired
            }
            return known.grant.caller
        }
        let entry = try await examine(CompactToken(token), by: issuers, at: now)
        guard state.withLock({ $0.remember(entry, under: hash, at: now) }) else { throw .revoked }
        return entry.grant.caller
    }

    private func verify(
        _ hash: [UInt8], ofKey prefix: String, at now: Timestamp
    ) throws(CredentialRefusal) -> Caller {
        let key = state.withLock { $0.register.key(prefix) }
        // Compared in any case: how long it takes tells nothing of which prefixes there are.
        let isRight = Digest.areEqual(hash, key?.hash ?? Self.noHash)
        guard let key, isRight else { throw .unknownAPIKey }
        if let end = key.expiresAt, end <= now { throw .expired }
        state.withLock { $0.used(key, at: now) }
        return key.caller
    }

    private static let noHash = [UInt8](repeating: 0, count: Digest.byteCount)

    private func examine(
        _ token: CompactToken, by issuers: VerifiedTokens.IssuerSet, at now: Timestamp
    ) async throws(CredentialRefusal) -> VerifiedTokens.Entry {
        let name = try token.claimedIssuer()
        guard let index = issuers.list.firstIndex(where: { $0.name == name }) else { throw .unknownIssuer }
        let issuer = issuers.list[index]
        // Before anybody is asked for keys on the say-so of a token that cannot hold anyway.
        guard token.algorithm == issuer.algorithm.rawValue else { throw .wrongAlgorithm }
        var (keys, generation) = issuer.keys.current()
        if keys.key(token.keyID) == nil {
            await issuer.keys.lookForNewer()
            (keys, generation) = issuer.keys.current()
        }
        guard let key = keys.key(token.keyID) else { throw keys.isEmpty ? .noKeys : .unknownKey }
        let grant = try issuer.grant(try token.claims(signedBy: key), at: now)
        return VerifiedTokens.Entry(grant: grant, issuers: issuers, issuer: index, generation: generation)
    }
}
