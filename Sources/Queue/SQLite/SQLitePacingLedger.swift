import Dispatch
package import Domain
import Synchronization

/// The ``PacingLedger`` that the processes of a store share: a small SQLite file, never synced.
///
/// | Table | Holds |
/// |---|---|
/// | `scopes` | one row a scope: instants in microseconds since 1970, the limits that the provider has reported |
/// | `holds` | one row a scope and process: its calls in flight, where they are limited |
package final class SQLitePacingLedger: PacingLedger {
    /// `RLPC`
    private static let applicationID = 0x524C_5043
    private static let statements = [
        """
        CREATE TABLE scopes (
            name TEXT PRIMARY KEY,
            next_free INTEGER NOT NULL,
            paused_until INTEGER NOT NULL,
            input_until INTEGER NOT NULL,
            output_until INTEGER NOT NULL,
            batch_free INTEGER NOT NULL,
            interactive_at INTEGER NOT NULL,
            ramp_from INTEGER,
            learned_at INTEGER,
            learned_rate REAL,
            learned_input REAL,
            learned_output REAL,
            input_credited INTEGER NOT NULL,
            output_credited INTEGER NOT NULL,
            input_start INTEGER NOT NULL,
            output_start INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE holds (
            scope TEXT NOT NULL, holder TEXT NOT NULL, count INTEGER NOT NULL, until INTEGER NOT NULL,
            PRIMARY KEY (scope, holder)
        ) STRICT, WITHOUT ROWID
        """,
    ]
    /// What version 1 knew is worth a moment of pacing.
    private static let fromVersion1 = ["DROP TABLE scopes"] + statements

    /// Scopes at rest for so long are as if they had never been met.
    private static let memory = ScopePacing.maxDebt * 2

    private let connection: SQLiteConnection
    private let queue = DispatchQueue(label: "relay.pacing")
    /// Changed on the queue alone, so in the order of the transactions.
    private let held = Mutex(SlotsHeld())

    private init(connection: SQLiteConnection) {
        self.connection = connection
    }

    /// Opens the ledger in the file `path`, and makes it first if there is none.
    package static func open(at path: String) throws(JobStoreError) -> SQLitePacingLedger {
        let file = StoreFile(
            path: path, applicationID: applicationID, version: 2, statements: statements,
            migration: { ($0 + 1, $0 == 1 ? fromVersion1 : []) }, synchronous: .off, busyTimeout: .seconds(10))
        return SQLitePacingLedger(connection: try file.open())
    }

    package func takeSlots(_ request: SlotRequest, at now: Timestamp) async throws -> SlotOffer {
        try await perform { ledger in
            let counts = ledger.held.withLock { $0.counts(for: request) }
            let offer = try ledger.inTransaction { connection in
                let before = try request.demands.map { try connection.pacing(of: $0.scope) }
                var states = before
                let offer = request.take(from: &states, holding: counts, at: now)
                for (index, demand) in request.demands.enumerated() where states[index] != before[index] {
                    try connection.save(states[index], as: demand.scope, over: before[index])
                }
                return offer
            }
            if case .slots(let block) = offer { ledger.held.withLock { $0.took(block, by: request.holder) } }
            return offer
        }
    }

    package func returnSlots(_ count: Int, of block: SlotBlock, by holder: String, at now: Timestamp) async throws {
        try await correct(block, block.shares, ended: count, by: holder, at: now) { pacing, share in
            pacing.giveBack(count, of: block, share, by: holder, at: now)
        }
    }

    package func settle(
        _ index: Int, of block: SlotBlock, cost: TokenCost?, by holder: String, at now: Timestamp
    ) async throws {
        let shares = block.shares.filter(\.mustSettle)
        try await correct(block, shares, ended: 1, by: holder, at: now) { pacing, share in
            pacing.settle(index, of: block, share, cost: cost, by: holder, at: now)
        }
    }

    /// Corrects what `block` has booked in `shares`. `ended` slots of it are over, even if that cannot be written.
    private func correct(
        _ block: SlotBlock, _ shares: [ScopeShare], ended: Int, by holder: String, at now: Timestamp,
        _ change: @escaping @Sendable (inout ScopePacing, ScopeShare) -> Void
    ) async throws {
        try await perform { ledger in
            let counts = ledger.held.withLock { held in
                held.ended(ended, of: block, by: holder)
                return shares.map { held.count(of: holder, in: $0.scope) }
            }
            try ledger.inTransaction { connection in
                for (share, count) in zip(shares, counts) {
                    try connection.update(share.scope) { pacing in
                        change(&pacing, share)
                        pacing.restate(count, by: holder, at: now)
                    }
                }
            }
        }
    }

    package func learn(
        _ report: RateLimitReport, of scope: PacingScope, burst: Duration, at now: Timestamp
    ) async throws {
        try await transact { try $0.update(scope) { $0.learn(report, burst: burst, at: now) } }
    }

    package func pause(_ scope: PacingScope, until: Timestamp) async throws {
        try await transact { try $0.update(scope) { $0.pause(until: until) } }
    }

    package func slowDown(_ scope: PacingScope, at now: Timestamp) async throws {
        try await transact { try $0.update(scope) { $0.slowDown(at: now) } }
    }

    package func renew(_ holder: String, at now: Timestamp) async throws {
        try await perform { ledger in
            let scopes = ledger.held.withLock { $0.scopes(of: holder) }
            try ledger.inTransaction { connection in
                try connection.execute("DELETE FROM holds WHERE holder = ?", holder)
                for (scope, count) in scopes {
                    let hold = CallHold(holder: holder, count: count, until: now.advanced(by: CallHold.life))
                    try connection.insert(hold, in: scope)
                }
                try connection.forgetScopes(unusedSince: now.advanced(by: .zero - Self.memory))
            }
        }
    }

    package func standing(at now: Timestamp) async throws -> [ScopeStanding] {
        try await transact { connection in
            let latest = now.advanced(by: ScopePacing.maxPause)
            try connection.execute("UPDATE scopes SET paused_until = ?1 WHERE paused_until > ?1", latest)
            return try connection.all(
                """
                SELECT next_free, paused_until, input_until, output_until, batch_free, interactive_at, ramp_from,
                    learned_at, learned_rate, learned_input, learned_output, input_credited, output_credited,
                    input_start, output_start, name
                FROM scopes WHERE paused_until > ?1 OR learned_at > ?2
                ORDER BY paused_until <= ?1, name LIMIT 10000
                """, now, now.advanced(by: .zero - LearnedLimits.life)
            ) { row in
                (PacingScope(name: row.text(15)), ScopePacing(stored: row, holds: []))
            }.compactMap { scope, pacing in pacing.standing(of: scope, at: now) }
        }
    }

    private func transact<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws -> Value {
        try await perform { ledger in try ledger.inTransaction(body) }
    }

    /// Runs `work` on the queue, after what has been asked before.
    private func perform<Value: Sendable>(
        _ work: @escaping @Sendable (SQLitePacingLedger) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try work(self) })
            }
        }
    }

    private func inTransaction<Value>(_ body: (SQLiteConnection) throws -> Value) throws -> Value {
        do {
            let value = try connection.transaction { try body(connection) }
            // If that fails, whoever commits next tries again: what is committed holds, and must be told.
            if connection.logPages >= 1000 { _ = try? connection.checkpoint() }
            return value
        } catch {
            throw JobStoreError(error)
        }
    }
}

extension SQLiteConnection {
    fileprivate func pacing(of scope: PacingScope) throws -> ScopePacing {
        let holds = try all(
            "SELECT holder, count, until FROM holds WHERE scope = ? LIMIT 10000", scope.name
        ) { CallHold(holder: $0.text(0), count: $0.int(1), until: $0.time(2)) }
        let stored = try first(
            """
            SELECT next_free, paused_until, input_until, output_until, batch_free, interactive_at, ramp_from, learned_at,
                learned_rate, learned_input, learned_output, input_credited, output_credited, input_start,
                output_start
            FROM scopes WHERE name = ? LIMIT 1
            """, scope.name
        ) {
            ScopePacing(stored: $0, holds: holds)
        }
        if let stored { return stored }
        var fresh = ScopePacing()
        fresh.holds = holds
        return fresh
    }

    fileprivate func insert(_ hold: CallHold, in scope: PacingScope) throws {
        try execute(
            "INSERT INTO holds (scope, holder, count, until) VALUES (?, ?, ?, ?)", scope.name, hold.holder, hold.count,
            hold.until)
    }

    fileprivate func update(_ scope: PacingScope, _ change: (inout ScopePacing) -> Void) throws {
        let before = try pacing(of: scope)
        var pacing = before
        change(&pacing)
        if pacing != before { try save(pacing, as: scope, over: before) }
    }

    fileprivate func forgetScopes(unusedSince cutoff: Timestamp) throws {
        try execute(
            """
            DELETE FROM scopes WHERE next_free < ?1 AND paused_until < ?1 AND input_until < ?1 AND output_until < ?1
                AND interactive_at < ?1 AND coalesce(ramp_from, 0) < ?1 AND coalesce(learned_at, 0) < ?1
                AND input_start < ?1 AND output_start < ?1
                AND NOT EXISTS (SELECT 1 FROM holds WHERE scope = name)
            """, cutoff)
        try execute("DELETE FROM holds WHERE until < ?", cutoff)
    }

    fileprivate func save(_ pacing: ScopePacing, as scope: PacingScope, over before: ScopePacing) throws {
        let limits = pacing.learned?.limits
        try execute(
            """
            INSERT OR REPLACE INTO scopes (next_free, paused_until, input_until, output_until, batch_free,
                interactive_at, ramp_from, learned_at, learned_rate, learned_input, learned_output,
                input_credited, output_credited, input_start, output_start, name)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            pacing.nextFree, pacing.pausedUntil, pacing.input.until, pacing.output.until, pacing.batchFree,
            pacing.interactiveAt, pacing.rampFrom, pacing.learned?.at, limits?.rate?.requestsPerSecond,
            limits?.input?.tokensPerMinute, limits?.output?.tokensPerMinute, pacing.input.credited.microseconds,
            pacing.output.credited.microseconds, pacing.input.lastStart, pacing.output.lastStart, scope.name)
        guard pacing.holds != before.holds else { return }
        try execute("DELETE FROM holds WHERE scope = ?", scope.name)
        for hold in pacing.holds { try insert(hold, in: scope) }
    }
}

extension ScopePacing {
    /// Reads the columns of `scopes` in the order of the schema, from `next_free` to `output_start`.
    fileprivate init(stored row: SQLiteRow, holds: [CallHold]) {
        self.init(nextFree: row.time(0), pausedUntil: row.time(1))
        input.until = row.time(2)
        output.until = row.time(3)
        batchFree = row.time(4)
        interactiveAt = row.time(5)
        rampFrom = row.optionalTime(6)
        learned = row.optionalTime(7).map { at in
            LearnedLimits(
                limits: PacingLimits(
                    rate: row.optionalReal(8).flatMap(PacingRate.init(requestsPerSecond:)),
                    input: row.optionalReal(9).flatMap(TokenRate.init(tokensPerMinute:)),
                    output: row.optionalReal(10).flatMap(TokenRate.init(tokensPerMinute:))), at: at)
        }
        input.credited = .microseconds(row.int64(11))
        output.credited = .microseconds(row.int64(12))
        input.lastStart = row.time(13)
        output.lastStart = row.time(14)
        self.holds = holds
    }
}
