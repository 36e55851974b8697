import Domain
import GRDB

/// What the operations of one transaction share: the open database, the counters they change, the topics they touch.
///
/// Counters are added up here and written once, before the commit.
final class WriteContext {
    private struct Counter: Hashable {
        let scope: String
        let state: Int
    }

    static let allTenants = ""
    static let deliveries = "*"

    let database: Database
    let makeDeliveryID: () -> String
    private(set) var topics: Set<ChangeTopic> = []
    private var deltas: [Counter: Int] = [:]
    private var storedDepth: Int?

    init(_ database: Database, makeDeliveryID: @escaping () -> String) {
        self.database = database
        self.makeDeliveryID = makeDeliveryID
    }

    func note(_ topic: ChangeTopic) {
        topics.insert(topic)
    }

    /// Counts one job of `tenant` out of `old` (nil if it is new) and into `new`.
    func countJob(of tenant: String, from old: JobState?, to new: JobState) {
        for scope in [tenant, Self.allTenants] {
            if let old { deltas[Counter(scope: scope, state: old.code), default: 0] -= 1 }
            deltas[Counter(scope: scope, state: new.code), default: 0] += 1
        }
    }

    func countDeliveries(_ state: DeliveryState, by delta: Int) {
        deltas[Counter(scope: Self.deliveries, state: state.code), default: 0] += delta
    }

    /// The unfinished jobs of all tenants, those of this transaction included.
    func depth() throws -> Int {
        let unfinished = [JobState.queued.code, JobState.running.code]
        let stored: Int
        if let storedDepth {
            stored = storedDepth
        } else {
            let statement = try database.cachedStatement(
                sql: "SELECT coalesce(sum(count), 0) FROM counters WHERE scope = '' AND state IN (0, 1)")
            stored = try Int.fetchOne(statement) ?? 0
            storedDepth = stored
        }
        return unfinished.reduce(stored) { $0 + (deltas[Counter(scope: Self.allTenants, state: $1)] ?? 0) }
    }

    /// Writes the counters; the last act before the commit.
    func finish() throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO counters (scope, state, count) VALUES (?, ?, ?)
                ON CONFLICT (scope, state) DO UPDATE SET count = count + excluded.count
                """)
        for (counter, delta) in deltas where delta != 0 {
            try statement.execute(arguments: [counter.scope, counter.state, delta])
        }
    }

    /// Runs one statement of many uses; returns how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: StatementArguments) throws -> Int {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
        return database.changesCount
    }
}
