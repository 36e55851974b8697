import Domain

extension SQLiteJobStore {
    package func put(_ key: StoredKey, sealedUnder revision: Int) async throws(JobStoreError) {
        try await writer.perform { context in
            try context.requireKeyring(revision)
            try context.audit(.keyStored, key.id, "organization \(key.organization)")
            try context.connection.execute(
                """
                INSERT OR REPLACE INTO keys (id, organization, secret, requests_per_second, created_at, workspace)
                VALUES (?, ?, ?, ?, ?, ?)
                """, key.id, key.organization, key.sealedSecret, key.rate?.requestsPerSecond, key.createdAt,
                key.workspace)
        }
    }

    package func keys() async throws(JobStoreError) -> [StoredKey] {
        try await read { connection in
            try connection.all(
                """
                SELECT id, organization, secret, requests_per_second, created_at, workspace FROM keys
                ORDER BY id LIMIT 10000
                """
            ) { row in
                StoredKey(
                    id: row.text(0), organization: row.text(1), workspace: row.optionalText(5),
                    sealedSecret: row.bytes(2),
                    rate: row.optionalReal(3).flatMap(PacingRate.init(requestsPerSecond:)), createdAt: row.time(4))
            }
        }
    }

    package func removeKey(_ id: String) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            let existed = try context.connection.execute("DELETE FROM keys WHERE id = ?", id) > 0
            if existed { try context.audit(.keyRemoved, id) }
            return existed
        }
    }
}
