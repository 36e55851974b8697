/// Where the store's keyring is kept, sealed, and how secrets get another wrapping key while relays run.
package protocol KeyringStore: Sendable {
    /// nil in a store that has none yet.
    func keyring() async throws(JobStoreError) -> StoredKeyring?
    /// Stores a keyring in the place of the one of that revision; nil for the first one.
    /// - Returns: whether it did; not if another process was faster.
    func putKeyring(_ sealed: [UInt8], replacing revision: Int?) async throws(JobStoreError) -> Bool
    /// Sealed secrets of a kind, by id.
    /// - Parameters:
    ///   - id: those behind it; empty for the first ones.
    ///   - limit: 1...1000.
    func sealedSecrets(
        of kind: SealedSecret.Kind, after id: String, limit: Int
    ) async throws(JobStoreError) -> [SealedSecret]
    /// Puts each second form in the place of the first, where that still stands: a key that was replaced meanwhile stays.
    func reseal(_ changes: [(old: SealedSecret, new: [UInt8])]) async throws(JobStoreError)
}

/// A keyring at rest.
package struct StoredKeyring: Hashable, Sendable {
    /// Grows with each change.
    package let revision: Int
    package let sealed: [UInt8]
}

/// One secret at rest, whatever it is for.
package struct SealedSecret: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        case upstreamKey
        case webhookEndpoint
        /// The one before an endpoint's present one, still signed with.
        case previousWebhookSecret
        /// By the tenant's name.
        case tenantDataKey
    }

    package let kind: Kind
    package let id: String
    package let sealed: [UInt8]

    init(kind: Kind, id: String, sealed: [UInt8]) {
        self.kind = kind
        self.id = id
        self.sealed = sealed
    }
}
