import Queue
import Synchronization

/// A store to which somebody who does not know of the rotation writes a key right before old ones are dropped.
final class LateStore: KeyringStore {
    private let base: any KeyringStore & KeyStore
    private let coming: Mutex<[StoredKey]>

    /// - Parameter coming: one for each of the first attempts.
    init(base: any KeyringStore & KeyStore, coming: [StoredKey]) {
        self.base = base
        self.coming = Mutex(coming.reversed())
    }

    func retireKeys(
        leaving sealed: [UInt8], replacing revision: Int, mark: [UInt8]
    ) async throws(JobStoreError) -> KeyRetirement {
        if let key = coming.withLock({ $0.popLast() }) { try await base.put(key, sealedUnder: revision) }
        return try await base.retireKeys(leaving: sealed, replacing: revision, mark: mark)
    }

    func keyring() async throws(JobStoreError) -> StoredKeyring? {
        try await base.keyring()
    }

    func putKeyring(_ sealed: [UInt8], replacing revision: Int?) async throws(JobStoreError) -> Bool {
        try await base.putKeyring(sealed, replacing: revision)
    }

    func sealedSecrets(
        of kind: SealedSecret.Kind, after id: String, limit: Int
    ) async throws(JobStoreError) -> [SealedSecret] {
        try await base.sealedSecrets(of: kind, after: id, limit: limit)
    }

    func reseal(_ changes: [(old: SealedSecret, new: [UInt8])]) async throws(JobStoreError) {
        try await base.reseal(changes)
    }
}
