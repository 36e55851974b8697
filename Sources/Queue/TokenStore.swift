package import Domain

/// Where API keys and revocations are kept, for all processes of a data folder.
package protocol TokenStore: Sendable {
    /// - Throws: `.full` when there are ``APIKey/limit`` keys; `.unavailable` if one of that id or prefix exists.
    func addAPIKey(_ key: APIKey) async throws(JobStoreError)
    /// Oldest first, revoked ones included; at most ``APIKey/limit``.
    /// - Parameter tenant: nil for those of all tenants.
    func apiKeys(of tenant: TenantID?) async throws(JobStoreError) -> [APIKey]
    /// A page of them, in the order of their ids: oldest first.
    func apiKeys(_ query: APIKeyQuery) async throws(JobStoreError) -> [APIKey]
    /// Revokes the key that has the id or the prefix `name`. One that is revoked already stays as it is.
    /// - Returns: the key; nil if there is none.
    func revokeAPIKey(_ name: String, at now: Timestamp) async throws(JobStoreError) -> APIKey?
    /// Notes when keys were last used, by id. An earlier time than is known changes nothing.
    func noteUses(_ uses: [String: Timestamp]) async throws(JobStoreError)

    /// Of one subject the latest revocation counts.
    /// - Parameter tokenLimit: revocations of single tokens that are kept; those of tenants are always taken.
    /// - Throws: `.full` when there are so many of other tokens.
    func revoke(_ revocation: TokenRevocation, tokenLimit: Int) async throws(JobStoreError)
    /// Latest first.
    func revocations() async throws(JobStoreError) -> [TokenRevocation]
    /// A page of them: those of tokens, then those of tenants, each in the order of their names' bytes.
    func revocations(_ query: RevocationQuery) async throws(JobStoreError) -> [TokenRevocation]

    /// Another number after each change but that of a use. Costs little to ask for.
    func tokenRevision() async throws(JobStoreError) -> Int
}

extension TokenStore {
    package func revoke(_ revocation: TokenRevocation) async throws(JobStoreError) {
        try await revoke(revocation, tokenLimit: TokenRevocation.tokenLimit)
    }
}
