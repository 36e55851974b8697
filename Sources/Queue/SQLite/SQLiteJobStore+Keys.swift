import Domain
import FoundationEssentials
import GRDB

extension SQLiteJobStore {
    package func put(_ key: StoredKey) async throws(JobStoreError) {
        try await writer.perform { context in
            try context.execute(
                """
                INSERT OR REPLACE INTO keys (id, organization, secret, requests_per_second, created_at)
                VALUES (?, ?, ?, ?, ?)
                """,
                [
                    key.id, key.organization, Data(key.sealedSecret), key.rate?.requestsPerSecond,
                    key.createdAt.microseconds,
                ])
        }
    }

    package func keys() async throws(JobStoreError) -> [StoredKey] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT id, organization, secret, requests_per_second, created_at FROM keys ORDER BY id LIMIT 10000
                    """)
            return try Row.fetchAll(statement).map { row in
                let secret: Data = row[2]
                let rate: Double? = row[3]
                return StoredKey(
                    id: row[0], organization: row[1], sealedSecret: Array(secret),
                    rate: rate.flatMap(PacingRate.init(requestsPerSecond:)), createdAt: Timestamp(microseconds: row[4]))
            }
        }
    }

    package func removeKey(_ id: String) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            try context.execute("DELETE FROM keys WHERE id = ?", [id]) > 0
        }
    }
}
