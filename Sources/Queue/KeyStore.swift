package import Domain

/// Where upstream keys are kept, sealed.
package protocol KeyStore: Sendable {
    /// Stores `key`, replacing one of the same id.
    /// - Parameter revision: the revision of the keyring that sealed it.
    /// - Throws: `keyringChanged` if the store's keyring is another one by now.
    func put(_ key: StoredKey, sealedUnder revision: Int) async throws(JobStoreError)
    /// By id; at most 10,000.
    func keys() async throws(JobStoreError) -> [StoredKey]
    /// Returns whether there was one.
    func removeKey(_ id: String) async throws(JobStoreError) -> Bool
}

/// An upstream key at rest.
package struct StoredKey: Hashable, Sendable {
    package let id: String
    package let organization: String
    package let workspace: String?
    /// The credential, sealed by the Vault with the id as associated data.
    package let sealedSecret: [UInt8]
    /// nil for unlimited.
    package let rate: PacingRate?
    package let createdAt: Timestamp

    package init(
        id: String, organization: String, workspace: String? = nil, sealedSecret: [UInt8], rate: PacingRate?,
        createdAt: Timestamp
    ) {
        self.id = id
        self.workspace = workspace
        self.organization = organization
        self.sealedSecret = sealedSecret
        self.rate = rate
        self.createdAt = createdAt
    }
}
