import Domain

extension MemoryJobStore {
    package func keyring() async throws(JobStoreError) -> StoredKeyring? {
        try change { $0.keyring }
    }

    package func putKeyring(
        _ sealed: [UInt8], replacing revision: Int?
    ) async throws(JobStoreError) -> Bool {
        try change { model throws(JobStoreError) in try model.replaceKeyring(of: revision, with: sealed) }
    }

    package func retireKeys(
        leaving sealed: [UInt8], replacing revision: Int, mark: [UInt8]
    ) async throws(JobStoreError) -> KeyRetirement {
        try change { model throws(JobStoreError) in
            let needing = SealedSecret.Kind.allCases.flatMap { model.sealedSecrets(of: $0) }
                .filter { !$0.sealed.starts(with: mark) }
            guard needing.isEmpty else { return .needed(Array(needing.prefix(SealedSecret.namedLimit))) }
            return try model.replaceKeyring(of: revision, with: sealed) ? .done : .outrun
        }
    }

    package func sealedSecrets(
        of kind: SealedSecret.Kind, after id: String, limit: Int
    ) async throws(JobStoreError) -> [SealedSecret] {
        try change { model in Array(model.sealedSecrets(of: kind).filter { $0.id > id }.prefix(limit)) }
    }

    package func reseal(_ changes: [(old: SealedSecret, new: [UInt8])]) async throws(JobStoreError) {
        try change { model in
            for (old, new) in changes { model.reseal(old, as: new) }
        }
    }
}

extension MemoryModel {
    fileprivate mutating func replaceKeyring(of revision: Int?, with sealed: [UInt8]) throws(JobStoreError) -> Bool {
        guard keyring?.revision == revision else { return false }
        if let revision { try audit(.keyringChanged, "keyring", "revision \(revision + 1)") }
        keyring = StoredKeyring(revision: (revision ?? 0) + 1, sealed: sealed)
        return true
    }

    /// What is to be stored was sealed under `revision`, which must be the present one, if there is one.
    func requireKeyring(_ revision: Int) throws(JobStoreError) {
        guard keyring == nil || keyring?.revision == revision else { throw .keyringChanged }
    }

    /// By id.
    fileprivate func sealedSecrets(of kind: SealedSecret.Kind) -> [SealedSecret] {
        let all =
            switch kind {
            case .upstreamKey:
                keys.values.map { SealedSecret(kind: kind, id: $0.id, sealed: $0.sealedSecret) }
            case .webhookEndpoint:
                endpoints.map { SealedSecret(kind: kind, id: $0.id, sealed: $0.secret.sealed) }
            case .previousWebhookSecret:
                endpoints.compactMap { endpoint in
                    endpoint.previous.map { SealedSecret(kind: kind, id: endpoint.id, sealed: $0.sealed) }
                }
            case .tenantDataKey: [SealedSecret]()  // nothing rests here
            }
        return all.sorted { $0.id < $1.id }
    }

    fileprivate mutating func reseal(_ old: SealedSecret, as new: [UInt8]) {
        switch old.kind {
        case .upstreamKey:
            guard let key = keys[old.id], key.sealedSecret == old.sealed else { return }
            keys[old.id] = StoredKey(
                id: key.id, organization: key.organization, workspace: key.workspace, sealedSecret: new, rate: key.rate,
                createdAt: key.createdAt)
        case .webhookEndpoint:
            for index in endpoints.indices where endpoints[index].id == old.id {
                guard endpoints[index].secret.sealed == old.sealed else { continue }
                endpoints[index].secret = endpoints[index].secret.resealed(new)
            }
        case .previousWebhookSecret:
            for index in endpoints.indices where endpoints[index].id == old.id {
                guard let previous = endpoints[index].previous, previous.sealed == old.sealed else { continue }
                endpoints[index].previous = previous.resealed(new)
            }
        case .tenantDataKey: break
        }
    }
}
