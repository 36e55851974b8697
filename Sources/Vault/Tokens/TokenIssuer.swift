package import Domain

/// Somebody whose tokens the relay accepts, and what is read from them.
package struct TokenIssuer: Sendable {
    /// What `iss` must be.
    package let name: String
    /// What `aud` must be or contain.
    package let audience: String?
    package let algorithm: TokenAlgorithm
    /// The claim that names the tenant; nil for `tenant`, or else `sub`.
    package var tenantClaim: String?
    /// The claim that names the scopes; nil for `scope`, or else `scopes`.
    package var scopesClaim: String?
    /// What a token without such a claim may do.
    package var defaultScopes: Set<Caller.Scope> = []
    /// What its tokens may do at most. One that claims more is refused as a whole.
    package var allowedScopes: Set<Caller.Scope> = Self.usualScopes
    /// For whom it may speak.
    package var tenants = TenantClaimRule.all
    /// How far the issuer's clock may differ.
    package var leeway = Duration.seconds(60)
    let keys: any VerificationKeySource

    /// All but those of operators.
    package static let usualScopes = Set(Caller.Scope.allCases).subtracting([.admin, .adminRead])

    package init(name: String, audience: String?, algorithm: TokenAlgorithm, keys: any VerificationKeySource) {
        self.name = name
        self.audience = audience
        self.algorithm = algorithm
        self.keys = keys
    }

    /// What the relay takes from a token whose signature is right.
    func grant(_ claims: StrictJSON, at now: Timestamp) throws(CredentialRefusal) -> TokenGrant {
        guard claims.string("iss") == name else { throw .unknownIssuer }
        guard try isAudience(claims) else { throw .wrongAudience }
        let times = try times(claims, at: now)
        let (id, tenant, scopes) = (try id(claims), try tenant(claims), try scopes(claims))
        guard tenants.allows(tenant) else { throw .foreignTenant }
        guard scopes.isSubset(of: allowedScopes) else { throw .excessiveScope }
        return TokenGrant(
            caller: Caller(tenant: tenant, scopes: scopes, credential: id.map(Caller.Credential.token)), id: id,
            issuedAt: times.issued?.advanced(by: .zero - clockDoubt), expiresAt: times.expires)
    }

    /// How much earlier a token may have been issued than it says: by a clock that goes ahead, it would outlive a revocation of
    /// its tenant. The relay's own clock is the one that revocations are dated by.
    private var clockDoubt: Duration { name == TokenAuthority.ownIssuer ? .zero : leeway }

    /// - Returns: the end with the leeway.
    private func times(
        _ claims: StrictJSON, at now: Timestamp
    ) throws(CredentialRefusal) -> (issued: Timestamp?, expires: Timestamp) {
        let (expiry, issued, start) = (claims.time("exp"), claims.time("iat"), claims.time("nbf"))
        for (name, time) in [("exp", expiry), ("iat", issued), ("nbf", start)]
        where claims.member(name) != nil && time == nil {
            throw .badClaims
        }
        guard let end = expiry?.advanced(by: leeway) else { throw .noExpiry }
        guard now < end else { throw .expired }
        for time in [issued, start].compactMap(\.self) where now.advanced(by: leeway) < time { throw .notYetValid }
        return (issued, end)
    }

    /// One that could not be named in a revocation is none.
    private func id(_ claims: StrictJSON) throws(CredentialRefusal) -> String? {
        guard claims.member("jti") != nil else { return nil }
        guard let id = claims.string("jti"), (1...TokenRevocation.tokenIDLimit).contains(id.utf8.count) else {
            throw .badClaims
        }
        return id
    }

    private func isAudience(_ claims: StrictJSON) throws(CredentialRefusal) -> Bool {
        guard let audience else { return true }
        if let one = claims.string("aud") { return one == audience }
        return claims.strings("aud")?.contains(audience) ?? false
    }

    private func tenant(_ claims: StrictJSON) throws(CredentialRefusal) -> TenantID {
        let name = tenantClaim ?? (claims.member("tenant") == nil ? "sub" : "tenant")
        guard let tenant = claims.string(name).flatMap({ TenantID($0) }) else { throw .noTenant }
        return tenant
    }

    /// Words that are no scopes of the relay are for others.
    private func scopes(_ claims: StrictJSON) throws(CredentialRefusal) -> Set<Caller.Scope> {
        let name = scopesClaim ?? (claims.member("scope") == nil ? "scopes" : "scope")
        guard claims.member(name) != nil else { return defaultScopes }
        let listed = claims.strings(name) ?? claims.string(name)?.split(separator: " ").map(String.init)
        guard let listed else { throw .badClaims }
        return Set(listed.compactMap(Caller.Scope.init(rawValue:)))
    }
}

/// What a verified token stands for.
struct TokenGrant: Hashable, Sendable {
    let caller: Caller
    /// Its `jti`.
    let id: String?
    let issuedAt: Timestamp?
    /// When it stops to hold, leeway included.
    let expiresAt: Timestamp
}
