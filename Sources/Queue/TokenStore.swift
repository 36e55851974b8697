package import Domain

/// Where API keys and revocations are kept, for all processes of a data folder.
package protocol TokenStore: Sendable {
    /// - Throws: `.full` when there are ``APIKey/limit`` keys; `.unavailable` if one of that id or prefix exists.
    func addAPIKey(_ key: APIKey) async throws(JobStoreError)
    /// Oldest first, revoked ones included; at most ``APIKey/limit``.
    /// - Parameter tenant: nil for those of all tenants.
    func apiKeys(of tenant: TenantID?) async throws(JobStoreError) -> [APIKey]
    /// Revokes the key that has the id or the prefix `name`. One that is revoked already stays as it is.
    /// - Returns: the key; nil if there is none.
    func revokeAPIKey(_ name: String, at now: Timestamp) async throws(JobStoreError) -> APIKey?
    /// Notes when keys were last used, by id. An earlier time than is known changes nothing.
    func noteUses(_ uses: [String: Timestamp]) async throws(JobStoreError)

    /// Of one subject the latest revocation counts.
    /// - Throws: `.full` when there are ``TokenRevocation/limit`` others.
    func revoke(_ revocation: TokenRevocation) async throws(JobStoreError)
    /// Latest first; at most ``TokenRevocation/limit``.
    func revocations() async throws(JobStoreError) -> [TokenRevocation]

    /// Another number after each change but that of a use. Costs little to ask for.
    func tokenRevision() async throws(JobStoreError) -> Int
}
