import Dispatch
package import Domain

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

    private let connection: SQLiteConnection
    private let queue = DispatchQueue(label: "relay.pacing")

    private init(connection: SQLiteConnection) {
        self.connection = connection
    }

    /// Opens the ledger in the file `path`, and makes it first if there is none.
    package static func open(at path: String) throws(JobStoreError) -> SQLitePacingLedger {
        let file = StoreFile(
            path: path, applicationID: applicationID, version: 1, statements: statements, synchronous: .off,
            busyTimeout: .seconds(10))
        return SQLitePacingLedger(connection: try file.open())
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
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try self.transact(scope, change) })
            }
        }
    }

    private func transact<Value>(_ scope: PacingScope, _ change: (inout ScopePacing) -> Value) throws -> Value {
        do {
            let value = try connection.transaction {
                var pacing = try load(scope)
                let before = pacing
                let value = change(&pacing)
                if pacing != before { try save(pacing, as: scope) }
                return value
            }
            if connection.logPages >= 1000 { _ = try connection.checkpoint() }
            return value
        } catch {
            throw JobStoreError(error)
        }
    }

    private func load(_ scope: PacingScope) throws -> ScopePacing {
        try connection.first("SELECT next_free, paused_until FROM scopes WHERE name = ? LIMIT 1", scope.name) { row in
            ScopePacing(nextFree: row.time(0), pausedUntil: row.time(1))
        } ?? ScopePacing()
    }

    private func save(_ pacing: ScopePacing, as scope: PacingScope) throws {
        try connection.execute(
            "INSERT OR REPLACE INTO scopes (name, next_free, paused_until) VALUES (?, ?, ?)",
            scope.name, pacing.nextFree, pacing.pausedUntil)
    }
}
