package import Domain
import GRDB

extension SQLiteJobStore {
    package func job(_ id: JobID, of tenant: TenantID?) async throws(JobStoreError) -> JobRecord? {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(JobRecord.columns) FROM jobs j JOIN payloads p ON p.job = j.row
                    WHERE j.id = ?1 AND (?2 IS NULL OR j.tenant = ?2) LIMIT 1
                    """)
            return try Row.fetchOne(statement, arguments: [id.text, tenant?.text]).map(JobRecord.init(stored:))
        }
    }

    package func result(of id: JobID, tenant: TenantID?) async throws(JobStoreError) -> JobResult? {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT r.status, r.headers, r.body FROM jobs j JOIN results r ON r.job = j.row
                    WHERE j.id = ?1 AND (?2 IS NULL OR j.tenant = ?2) LIMIT 1
                    """)
            return try Row.fetchOne(statement, arguments: [id.text, tenant?.text]).map(JobResult.init(stored:))
        }
    }

    package func attempts(of id: JobID) async throws(JobStoreError) -> [AttemptRecord] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT a.attempt, a.key, a.egress, a.started_at, a.ended_at, a.status, a.request_id, a.verdict,
                        a.maybe_billed
                    FROM jobs j JOIN attempts a ON a.job = j.row WHERE j.id = ? ORDER BY a.attempt LIMIT 1000
                    """)
            return try Row.fetchAll(statement, arguments: [id.text]).map { row in
                AttemptRecord(
                    attempt: row[0], key: row[1], egress: row[2], startedAt: Timestamp(microseconds: row[3]),
                    endedAt: Timestamp(microseconds: row[4]), status: row[5], requestID: row[6], verdict: row[7],
                    maybeBilled: row[8])
            }
        }
    }

    package func list(_ query: JobQuery) async throws(JobStoreError) -> JobPage {
        try await read { database in
            guard let before = try Self.row(of: query.after, tenant: query.tenant, in: database) else {
                return JobPage(jobs: [], hasMore: false)
            }
            let (rows, arguments) = Self.rows(query, before: before)
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(JobRecord.columns) FROM (\(rows)) AS found
                    CROSS JOIN jobs j ON j.row = found.row CROSS JOIN payloads p ON p.job = j.row
                    ORDER BY j.row DESC LIMIT ?
                    """)
            let found = try Row.fetchAll(statement, arguments: arguments + [query.limit + 1])
            let jobs = try found.prefix(query.limit).map(JobRecord.init(stored:))
            return JobPage(jobs: jobs, hasMore: found.count > query.limit)
        }
    }

    package func counts(of tenant: TenantID?) async throws(JobStoreError) -> [JobState: Int] {
        try await read { database in
            try Self.counters(tenant?.text ?? WriteContext.allTenants, in: database, JobState.allCases, \.code)
        }
    }

    /// The counters of `scope`, one for each of `states`.
    static func counters<State: Hashable>(
        _ scope: String, in database: Database, _ states: [State], _ code: (State) -> Int
    ) throws -> [State: Int] {
        let statement = try database.cachedStatement(
            sql: "SELECT state, count FROM counters WHERE scope = ? LIMIT 100")
        let rows = try Row.fetchAll(statement, arguments: [scope])
        let stored = Dictionary(rows.map { ($0[0] as Int, $0[1] as Int) }, uniquingKeysWith: +)
        return Dictionary(uniqueKeysWithValues: states.map { ($0, stored[code($0)] ?? 0) })
    }

    /// The row that a list begins below; nil if `after` names no job that `tenant` may see.
    private static func row(of after: JobID?, tenant: TenantID?, in database: Database) throws -> Int64? {
        guard let after else { return .max }
        let statement = try database.cachedStatement(
            sql: "SELECT row FROM jobs WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2) LIMIT 1")
        return try Int64.fetchOne(statement, arguments: [after.text, tenant?.text])
    }

    /// The newest rows that match, each alternative from its own index, so that no list scans what it does not show.
    private static func rows(_ query: JobQuery, before: Int64) -> (sql: String, arguments: StatementArguments) {
        let limit = query.limit + 1
        guard let tenant = query.tenant?.text else {
            guard let state = query.state else {
                return ("SELECT row FROM jobs WHERE row < ? ORDER BY row DESC LIMIT ?", [before, limit])
            }
            return (
                "SELECT row FROM jobs INDEXED BY jobs_state WHERE state = ? AND row < ? ORDER BY row DESC LIMIT ?",
                [state.code, before, limit]
            )
        }
        let one = """
            SELECT * FROM (SELECT row FROM jobs INDEXED BY jobs_tenant WHERE tenant = ? AND state = ? AND row < ?
            ORDER BY row DESC LIMIT ?)
            """
        let states = query.state.map { [$0] } ?? JobState.allCases
        let arguments = states.map { [tenant, $0.code, before, limit] as StatementArguments }
        return (states.map { _ in one }.joined(separator: " UNION ALL "), arguments.reduce([], +))
    }
}
