import Domain
import Queue
import Vault

/// A store's keyring, opened: the keeper knows by which master key, and can put a changed one in its place.
struct KeyringKeeper {
    private static let page = 100

    let store: any KeyringStore
    let locker: MasterKeyLocker
    let master: MasterKey
    let keyring: Keyring
    let stored: StoredKeyring

    /// Whether the master key is the store's first one, which lives on as the keyring's root whatever becomes of it.
    var isFirstMaster: Bool { master.fingerprint == keyring.root.fingerprint }

    /// Opens the store's keyring; a store that has none gets one, founded on its master key.
    /// - Throws: `master_key_unusable`, `master_key_mismatch`, `key_service_unavailable`, `sealed_value_unreadable`.
    static func open(_ store: any KeyringStore, locker: MasterKeyLocker) async throws -> KeyringKeeper {
        if let stored = try await store.keyring() { return try await open(stored, of: store, locker: locker) }
        let master = try await founder(of: store, locker: locker)
        let keyring = Keyring(foundedOn: master)
        let sealed = try SealedKeyring(keyring, for: [(master, locker.source.text)])
        _ = try await store.putKeyring(sealed.bytes, replacing: nil)  // or another process was first
        guard let stored = try await store.keyring() else {
            throw RelayError(.internalFault, "The store keeps no keyring.", remedy: "Run relay doctor.")
        }
        return try await open(stored, of: store, locker: locker)
    }

    private static func open(
        _ stored: StoredKeyring, of store: any KeyringStore, locker: MasterKeyLocker
    ) async throws(RelayError) -> KeyringKeeper {
        let sealed = try SealedKeyring(bytes: stored.sealed)
        guard let master = try await locker.find(sealed.masters.map(\.name)) else {
            throw locker.missing(for: sealed)
        }
        let keyring = try sealed.open(with: master, from: locker.source.text)
        return KeyringKeeper(store: store, locker: locker, master: master, keyring: keyring, stored: stored)
    }

    /// The master key of a store without a keyring. If it holds secrets already, they must open with it.
    private static func founder(of store: any KeyringStore, locker: MasterKeyLocker) async throws -> MasterKey {
        for kind in SealedSecret.Kind.allCases {
            guard let secret = try await store.sealedSecrets(of: kind, after: "", limit: 1).first else { continue }
            guard let master = try await locker.find([]) else { throw locker.missing() }
            _ = try SecretSealer(master: master).open(secret.sealed, for: secret.owner)
            return master
        }
        return try await locker.findOrMake()
    }

    /// Puts `keyring` in the place of the one that was opened, sealed for `masters`.
    func replace(
        with keyring: Keyring, for masters: [(key: MasterKey, source: String)], master: MasterKey? = nil
    ) async throws -> KeyringKeeper {
        let sealed = try SealedKeyring(keyring, for: masters)
        guard try await store.putKeyring(sealed.bytes, replacing: stored.revision),
            let stored = try await store.keyring()
        else { throw Self.outrun }
        return KeyringKeeper(
            store: store, locker: locker, master: master ?? self.master, keyring: keyring, stored: stored)
    }

    static let outrun = RelayError(
        .argumentInvalid, "Another process changes the keys of this store at the same time.",
        remedy: "Wait for it to end, then repeat the command.")

    /// Wraps anew, a page a transaction, what other keys than the current one have wrapped. What does not open stays.
    /// - Returns: how many there were.
    func rewrap() async throws -> Int {
        let sealer = SecretSealer(keyring: SharedKeyring(keyring))
        var count = 0
        try await pages { page in
            let changes =
                try page.filter { !sealer.isCurrent($0.sealed) }.compactMap { secret in
                    guard let plain = try? sealer.open(secret.sealed, for: secret.owner) else { return nil }
                    return (old: secret, new: try sealer.seal(plain, for: secret.owner))
                } as [(old: SealedSecret, new: [UInt8])]
            if !changes.isEmpty { try await store.reseal(changes) }
            count += changes.count
        }
        return count
    }

    /// How many secrets the current key has wrapped, and how many others.
    func count() async throws -> (current: Int, others: Int) {
        let sealer = SecretSealer(keyring: SharedKeyring(keyring))
        var (current, others) = (0, 0)
        try await pages { page in
            let fresh = page.count { sealer.isCurrent($0.sealed) }
            current += fresh
            others += page.count - fresh
        }
        return (current, others)
    }

    private func pages(_ body: ([SealedSecret]) async throws -> Void) async throws {
        for kind in SealedSecret.Kind.allCases {
            var page = try await store.sealedSecrets(of: kind, after: "", limit: Self.page)
            while let last = page.last {
                try await body(page)
                page = try await store.sealedSecrets(of: kind, after: last.id, limit: Self.page)
            }
        }
    }
}

extension SealedSecret {
    /// What it is bound to.
    var owner: String {
        switch kind {
        case .upstreamKey: KeyDirectory.owner(id)
        case .webhookEndpoint, .previousWebhookSecret: WebhookSecretVault.owner(id)
        case .tenantDataKey: DataKeyVault.owner(id)
        }
    }
}

extension Settings {
    /// How payloads are sealed and opened with the keys of `keyring`.
    func payloadKeeping(_ keyring: SharedKeyring) -> PayloadKeeping {
        PayloadKeeping(sealer: DataKeyVault(keyring: keyring), isOn: encryptPayloads)
    }

    /// The same with the keys that `keyring` follows: at once where somebody meets that they have changed.
    func payloadKeeping(following keyring: KeyringFollower) -> PayloadKeeping {
        PayloadKeeping(sealer: DataKeyVault(keyring: keyring.shared), isOn: encryptPayloads) {
            try await keyring.follow(within: .seconds(2))
        }
    }
}

extension CommonOptions {
    /// The keys of the data folder's store, which is made if there is none.
    func keyring() async throws -> SharedKeyring {
        try await openStoreToChange().keyring.shared
    }
}

extension DataFolder {
    /// Opens the keyring of `store`, this folder's, with the master key that the settings name. The store's audit log is
    /// sealed by it from now on, and payloads are opened by it.
    func openKeyring(of store: SQLiteJobStore, _ settings: Settings) async throws -> KeyringKeeper {
        let keeper = try await KeyringKeeper.open(store, locker: locker(settings.masterKey, settings))
        store.keepAudit(with: AuditKeeping(sealer: AuditChain(root: keeper.keyring.root), wall: SystemClock()))
        store.keepPayloads(
            with: settings.payloadKeeping(
                SharedKeyring(keeper.keyring, revision: keeper.stored.revision)))
        return keeper
    }

    /// - Parameter source: as `vault.master_key`.
    func locker(_ source: String, _ settings: Settings) throws(RelayError) -> MasterKeyLocker {
        MasterKeyLocker(
            source: try MasterKeySource(source, in: path), folder: self, kmsEndpoint: settings.kmsEndpoint)
    }
}
