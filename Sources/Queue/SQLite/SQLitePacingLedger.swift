package import Domain
import GRDB

/// The ``PacingLedger`` that the processes of a store share: a small SQLite file, never synced.
///
/// | Table | Holds |
/// |---|---|
/// | `scopes` | one row a scope: `next_free` and `paused_until`, microseconds since 1970 |
package final class SQLitePacingLedger: PacingLedger {
    /// `RLPC`
    private static let applicationID = 0x524C_5043
    private static let statements = [
        """
        CREATE TABLE scopes (
            name TEXT PRIMARY KEY,
            next_free INTEGER NOT NULL,
            paused_until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    ]

    private let pool: DatabasePool

    private init(pool: DatabasePool) {
        self.pool = pool
    }

    /// Opens the ledger in the file `path`, and makes it first if there is none.
    package static func open(at path: String) throws(JobStoreError) -> SQLitePacingLedger {
        SQLitePacingLedger(
            pool: try StoreFile.open(
                at: path, applicationID: applicationID, version: 1, statements: statements, synchronous: .off,
                busyTimeout: .seconds(10)))
    }

    package func takeSlots(
        of scope: PacingScope, limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration
    ) async throws -> SlotOffer {
        try await update(scope) { $0.take(limit, rate: rate, at: now, horizon: horizon) }
    }

    package func returnSlots(_ count: Int, of block: SlotBlock, scope: PacingScope) async throws {
        try await update(scope) { $0.giveBack(count, of: block) }
    }

    package func pause(_ scope: PacingScope, until: Timestamp) async throws {
        try await update(scope) { $0.pause(until: until) }
    }

    private func update<Value: Sendable>(
        _ scope: PacingScope, _ change: @escaping @Sendable (inout ScopePacing) -> Value
    ) async throws -> Value {
        do {
            return try await pool.writeWithoutTransaction { database in
                try database.beginTransaction(.immediate)
                do {
                    var pacing = try Self.load(scope, from: database)
                    let before = pacing
                    let value = change(&pacing)
                    if pacing != before { try Self.save(pacing, as: scope, in: database) }
                    try database.commit()
                    return value
                } catch {
                    if database.isInsideTransaction { try? database.rollback() }
                    throw error
                }
            }
        } catch let error as DatabaseError {
            throw JobStoreError(error)
        }
    }

    private static func load(_ scope: PacingScope, from database: Database) throws -> ScopePacing {
        let statement = try database.cachedStatement(
            sql: "SELECT next_free, paused_until FROM scopes WHERE name = ? LIMIT 1")
        guard let row = try Row.fetchOne(statement, arguments: [scope.name]) else { return ScopePacing() }
        return ScopePacing(
            nextFree: Timestamp(microseconds: row[0]), pausedUntil: Timestamp(microseconds: row[1]))
    }

    private static func save(_ pacing: ScopePacing, as scope: PacingScope, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO scopes (name, next_free, paused_until) VALUES (?, ?, ?)"
        ).execute(arguments: [scope.name, pacing.nextFree.microseconds, pacing.pausedUntil.microseconds])
    }
}
