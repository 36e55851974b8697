import Domain

extension SQLiteJobStore {
    package func keyring() async throws(JobStoreError) -> StoredKeyring? {
        try await read { connection in
            try connection.first("SELECT revision, sealed FROM keyring") { row in
                StoredKeyring(revision: row.int(0), sealed: row.bytes(1))
            }
        }
    }

    package func putKeyring(
        _ sealed: [UInt8], replacing revision: Int?
    ) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            guard let revision else {
                return try context.connection.execute(
                    "INSERT OR IGNORE INTO keyring (number, revision, sealed) VALUES (1, 1, ?)", sealed) > 0
            }
            return try context.replaceKeyring(of: revision, with: sealed)
        }
    }

    package func retireKeys(
        leaving sealed: [UInt8], replacing revision: Int, mark: [UInt8]
    ) async throws(JobStoreError) -> KeyRetirement {
        try await writer.perform { context in
            var needing: [SealedSecret] = []
            for kind in SealedSecret.Kind.allCases {
                needing += try context.connection.sealedSecrets(of: kind, without: mark)
            }
            guard needing.isEmpty else { return .needed(Array(needing.prefix(SealedSecret.namedLimit))) }
            return try context.replaceKeyring(of: revision, with: sealed) ? .done : .outrun
        }
    }

    package func sealedSecrets(
        of kind: SealedSecret.Kind, after id: String, limit: Int
    ) async throws(JobStoreError) -> [SealedSecret] {
        let sql: StaticString =
            switch kind {
            case .upstreamKey: "SELECT id, secret FROM keys WHERE id > ? ORDER BY id LIMIT ?"
            case .webhookEndpoint: "SELECT id, secret FROM endpoints WHERE id > ? ORDER BY id LIMIT ?"
            case .previousWebhookSecret:
                "SELECT id, previous FROM endpoints WHERE previous IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
            case .tenantDataKey: "SELECT tenant, sealed FROM data_keys WHERE tenant > ? ORDER BY tenant LIMIT ?"
            }
        return try await read { connection in
            try connection.all(sql, id, limit) { row in
                SealedSecret(kind: kind, id: row.text(0), sealed: row.bytes(1))
            }
        }
    }

    package func reseal(_ changes: [(old: SealedSecret, new: [UInt8])]) async throws(JobStoreError) {
        try await writer.perform { context in
            for (old, new) in changes {
                let sql: StaticString =
                    switch old.kind {
                    case .upstreamKey: "UPDATE keys SET secret = ? WHERE id = ? AND secret = ?"
                    case .webhookEndpoint: "UPDATE endpoints SET secret = ? WHERE id = ? AND secret = ?"
                    case .previousWebhookSecret: "UPDATE endpoints SET previous = ? WHERE id = ? AND previous = ?"
                    case .tenantDataKey: "UPDATE data_keys SET sealed = ? WHERE tenant = ? AND sealed = ?"
                    }
                _ = try context.connection.execute(sql, new, old.id, old.sealed)
            }
        }
    }
}

extension WriteContext {
    /// - Returns: whether `revision` was still the present one.
    fileprivate func replaceKeyring(of revision: Int, with sealed: [UInt8]) throws -> Bool {
        let changed = try connection.execute(
            "UPDATE keyring SET revision = revision + 1, sealed = ? WHERE revision = ?", sealed, revision)
        if changed > 0 { try audit(.keyringChanged, "keyring", "revision \(revision + 1)") }
        return changed > 0
    }

    /// What is to be stored was sealed under `revision`, which must be the present one. A store without a keyring takes all:
    /// its first one is made from its master key alone.
    func requireKeyring(_ revision: Int) throws {
        let present = try connection.first("SELECT revision FROM keyring") { $0.int(0) }
        guard present == nil || present == revision else { throw JobStoreError.keyringChanged }
    }
}

extension SQLiteConnection {
    /// Those that do not begin with `mark`; at most ``SealedSecret/namedLimit``.
    fileprivate func sealedSecrets(of kind: SealedSecret.Kind, without mark: [UInt8]) throws -> [SealedSecret] {
        let sql: StaticString =
            switch kind {
            case .upstreamKey: "SELECT id, secret FROM keys WHERE substr(secret, 1, ?) <> ? ORDER BY id LIMIT ?"
            case .webhookEndpoint:
                "SELECT id, secret FROM endpoints WHERE substr(secret, 1, ?) <> ? ORDER BY id LIMIT ?"
            case .previousWebhookSecret:
                """
                SELECT id, previous FROM endpoints WHERE previous IS NOT NULL AND substr(previous, 1, ?) <> ?
                ORDER BY id LIMIT ?
                """
            case .tenantDataKey:
                "SELECT tenant, sealed FROM data_keys WHERE substr(sealed, 1, ?) <> ? ORDER BY tenant LIMIT ?"
            }
        return try all(sql, mark.count, mark, SealedSecret.namedLimit) { row in
            SealedSecret(kind: kind, id: row.text(0), sealed: row.bytes(1))
        }
    }
}
