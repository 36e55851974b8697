package import Domain

extension MemoryJobStore {
    package func addAPIKey(_ key: APIKey) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in
            let count = model.apiKeys.count
            guard count < APIKey.limit else { throw .full(depth: count, limit: APIKey.limit) }
            guard !model.apiKeys.contains(where: { $0.id == key.id || $0.prefix == key.prefix }) else {
                throw .unavailable(detail: "an API key of the id \(key.id) or its prefix exists")
            }
            try model.audit(.apiKeyCreated, key.id, key.words)
            model.apiKeys.append(key)
            model.noteTokens()
        }
    }

    package func apiKeys(of tenant: TenantID?) async throws(JobStoreError) -> [APIKey] {
        look { model in
            model.apiKeys.filter { tenant == nil || $0.tenant == tenant }
                .sorted { ($0.createdAt.microseconds, $0.id) < ($1.createdAt.microseconds, $1.id) }
        }
    }

    package func apiKeys(_ query: APIKeyQuery) async throws(JobStoreError) -> [APIKey] {
        look { model in
            let found = model.apiKeys.filter { key in
                (query.tenant ?? key.tenant) == key.tenant && key.prefix.hasPrefix(query.prefix)
                    && query.after.map { $0 < key.id } ?? true
            }
            return Array(found.sorted { $0.id < $1.id }.prefix(query.limit))
        }
    }

    package func revokeAPIKey(_ name: String, at now: Timestamp) async throws(JobStoreError) -> APIKey? {
        try change { model throws(JobStoreError) in
            guard let index = model.apiKeys.firstIndex(where: { $0.id == name || $0.prefix == name }) else {
                return nil
            }
            let key = model.apiKeys[index]
            guard key.revokedAt == nil else { return key }
            try model.audit(.tokenRevoked, name)
            model.apiKeys[index] = key.with(revokedAt: now, lastUsedAt: key.lastUsedAt)
            model.noteTokens()
            return model.apiKeys[index]
        }
    }

    package func noteUses(_ uses: [String: Timestamp]) async throws(JobStoreError) {
        try change { model in
            for (index, key) in model.apiKeys.enumerated() {
                guard let time = uses[key.id], key.lastUsedAt.map({ $0 < time }) ?? true else { continue }
                model.apiKeys[index] = key.with(revokedAt: key.revokedAt, lastUsedAt: time)
            }
        }
    }

    package func revoke(_ revocation: TokenRevocation, tokenLimit: Int) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in
            let subject = revocation.subject
            if subject.isToken {
                let others = model.revocations.keys.count { $0.isToken && $0 != subject }
                guard others < tokenLimit else { throw .full(depth: others, limit: tokenLimit) }
            }
            try model.audit(.tokenRevoked, subject.name, subject.words)
            model.revocations[subject] = max(revocation.since, model.revocations[subject] ?? revocation.since)
            model.noteTokens()
        }
    }

    package func revocations() async throws(JobStoreError) -> [TokenRevocation] {
        look { model in
            model.revocations.map { TokenRevocation($0.key, since: $0.value) }
                .sorted { ($1.since.microseconds, $0.order) < ($0.since.microseconds, $1.order) }
        }
    }

    package func revocations(_ query: RevocationQuery) async throws(JobStoreError) -> [TokenRevocation] {
        look { model in
            let found = model.revocations.map { TokenRevocation($0.key, since: $0.value) }.filter { revocation in
                (query.tenant.map { revocation.subject == .tenant($0) } ?? true)
                    && query.after.map { $0.precedes(revocation.subject) } ?? true
            }
            return Array(found.sorted { $0.subject.precedes($1.subject) }.prefix(query.limit))
        }
    }

    package func tokenRevision() async throws(JobStoreError) -> Int {
        look { $0.tokenRevision }
    }
}

extension MemoryModel {
    fileprivate mutating func noteTokens() {
        tokenRevision += 1
        topics.insert(.tokens)
    }
}

extension TokenRevocation.Subject {
    fileprivate var isToken: Bool {
        if case .token = self { true } else { false }
    }

    /// In the order of pages.
    fileprivate func precedes(_ other: Self) -> Bool {
        guard isToken == other.isToken else { return isToken }
        return name.utf8.lexicographicallyPrecedes(other.name.utf8)
    }
}

extension TokenRevocation {
    /// Among those of the same time.
    fileprivate var order: String {
        switch subject {
        case .token(let id): "0" + id
        case .tenant(let tenant): "1" + tenant.text
        }
    }
}
