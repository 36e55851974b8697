import Domain

extension MemoryJobStore {
    package func keyring() async throws(JobStoreError) -> StoredKeyring? {
        try change { $0.keyring }
    }

    package func putKeyring(
        _ sealed: [UInt8], replacing revision: Int?
    ) async throws(JobStoreError) -> Bool {
        try change { model in
            guard model.keyring?.revision == revision else { return false }
            model.keyring = StoredKeyring(revision: (revision ?? 0) + 1, sealed: sealed)
            return true
        }
    }

    package func sealedSecrets(
        of kind: SealedSecret.Kind, after id: String, limit: Int
    ) async throws(JobStoreError) -> [SealedSecret] {
        try change { model in
            let all =
                switch kind {
                case .upstreamKey:
                    model.keys.values.map { SealedSecret(kind: kind, id: $0.id, sealed: $0.sealedSecret) }
                case .webhookEndpoint:
                    model.endpoints.map { SealedSecret(kind: kind, id: $0.id, sealed: $0.sealedSecret) }
                }
            return Array(all.filter { $0.id > id }.sorted { $0.id < $1.id }.prefix(limit))
        }
    }

    package func reseal(_ changes: [(old: SealedSecret, new: [UInt8])]) async throws(JobStoreError) {
        try change { model in
            for (old, new) in changes { model.reseal(old, as: new) }
        }
    }
}

extension MemoryModel {
    fileprivate mutating func reseal(_ old: SealedSecret, as new: [UInt8]) {
        switch old.kind {
        case .upstreamKey:
            guard let key = keys[old.id], key.sealedSecret == old.sealed else { return }
            keys[old.id] = StoredKey(
                id: key.id, organization: key.organization, workspace: key.workspace, sealedSecret: new, rate: key.rate,
                createdAt: key.createdAt)
        case .webhookEndpoint:
            guard let index = endpoints.firstIndex(where: { $0.id == old.id && $0.sealedSecret == old.sealed }) else {
                return
            }
            let endpoint = endpoints[index]
            endpoints[index] = WebhookEndpoint(
                id: endpoint.id, tenant: endpoint.tenant, url: endpoint.url, events: endpoint.events, sealedSecret: new,
                createdAt: endpoint.createdAt)
        }
    }
}
