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
            let changed = try context.connection.execute(
                "UPDATE keyring SET revision = revision + 1, sealed = ? WHERE revision = ?", sealed, revision)
            if changed > 0 { try context.audit(.keyringChanged, "keyring", "revision \(revision + 1)") }
            return changed > 0
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
