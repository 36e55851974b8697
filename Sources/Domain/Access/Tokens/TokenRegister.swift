/// What the store knows of credentials at one moment: the API keys in use and what has been revoked.
package struct TokenRegister: Sendable {
    private var keys: [String: APIKey] = [:]
    private var keyIDs: Set<String> = []
    private var tokens: Set<String> = []
    private var tenants: [TenantID: Timestamp] = [:]

    package init() {}

    package init(keys: [APIKey], revocations: [TokenRevocation]) {
        self.keys = Dictionary(
            keys.filter { $0.revokedAt == nil }.map { ($0.prefix, $0) }, uniquingKeysWith: { first, _ in first })
        keyIDs = Set(self.keys.values.map(\.id))
        for revocation in revocations {
            switch revocation.subject {
            case .token(let id): tokens.insert(id)
            case .tenant(let tenant): tenants[tenant] = max(revocation.since, tenants[tenant] ?? revocation.since)
            }
        }
    }

    /// The key that is found by `prefix`, unless it or its tenant has been revoked.
    package func key(_ prefix: String) -> APIKey? {
        guard let key = keys[prefix], !isRevoked(id: nil, of: key.tenant, issuedAt: key.createdAt) else { return nil }
        return key
    }

    /// Whether there is a key of that id.
    package func holdsKey(_ id: String) -> Bool { keyIDs.contains(id) }

    /// Whether a JWT has been revoked.
    /// - Parameters:
    ///   - id: its `jti`; without one it can be revoked with its tenant only.
    ///   - issuedAt: its `iat`; without one it counts as issued before any revocation.
    package func isRevoked(id: String?, of tenant: TenantID, issuedAt: Timestamp?) -> Bool {
        if let id, tokens.contains(id) { return true }
        guard let since = tenants[tenant] else { return false }
        return issuedAt.map { $0 < since } ?? true
    }
}
