/// Where the store's keyring is kept, sealed, and how secrets get another wrapping key while relays run.
package protocol KeyringStore: Sendable {
    /// nil in a store that has none yet.
    func keyring() async throws(JobStoreError) -> StoredKeyring?
    /// Stores a keyring in the place of the one of that revision; nil for the first one.
    /// - Returns: whether it did; not if another process was faster.
    func putKeyring(_ sealed: [UInt8], replacing revision: Int?) async throws(JobStoreError) -> Bool
    /// Stores a keyring that lacks older keys in the place of the one of that revision, in one transaction with the proof that
    /// no secret needs them.
    /// - Parameter mark: what every sealed secret must begin with.
    func retireKeys(
        leaving sealed: [UInt8], replacing revision: Int, mark: [UInt8]
    ) async throws(JobStoreError) -> KeyRetirement
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

    package init(revision: Int, sealed: [UInt8]) {
        self.revision = revision
        self.sealed = sealed
    }
}

/// What became of the attempt to drop older keys.
package enum KeyRetirement: Hashable, Sendable {
    case done
    /// Another process changed the keyring first; nothing was changed.
    case outrun
    /// These secrets, ``SealedSecret/namedLimit`` of them at most, do not begin with the mark; nothing was changed.
    case needed([SealedSecret])
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

    /// How many are named where some stand in the way.
    package static let namedLimit = 20

    package let kind: Kind
    package let id: String
    package let sealed: [UInt8]

    init(kind: Kind, id: String, sealed: [UInt8]) {
        self.kind = kind
        self.id = id
        self.sealed = sealed
    }
}
