import Domain

extension SQLiteJobStore {
    package func list(_ query: JobQuery) async throws(JobStoreError) -> JobPage {
        var list = JobList(query: query, keys: payloadKeys)
        // Slice by slice, each on a snapshot of its own: a read that does not end keeps the log from being moved.
        while !list.isOver {
            let state = list
            list = try await read { connection in
                var list = state
                try list.extend(from: connection)
                return list
            }
        }
        return list.page
    }
}

/// A page of a list while it is being put together.
private struct JobList: Sendable {
    private static let sliceLimit = 500

    let query: JobQuery
    let keys: PayloadKeys
    private var found: [JobRecord] = []
    /// Rows from here on have been looked at; nil until the first slice.
    private var before: Int64?
    private var last: JobRecord?
    private var scanned = 0
    private(set) var isOver = false

    init(query: JobQuery, keys: PayloadKeys) {
        self.query = query
        self.keys = keys
    }

    var page: JobPage {
        if found.count > query.limit {
            let jobs = Array(found.prefix(query.limit))
            return JobPage(jobs: jobs, next: jobs.last?.id)
        }
        return JobPage(jobs: found, next: scanned >= JobQuery.scanLimit ? last?.id : nil)
    }

    /// Looks at the next slice of candidates.
    mutating func extend(from connection: SQLiteConnection) throws {
        guard let start = try before ?? connection.row(of: query.after, tenant: query.tenant) else {
            return isOver = true
        }
        let wanted = min(Self.sliceLimit, max(query.limit + 1 - found.count, scanned))
        let rows = try connection.candidates(of: query, before: start, limit: wanted)
        for row in rows {
            guard let record = try connection.record(row, by: keys) else { continue }
            last = record
            if query.matches(record) { found.append(record) }
            if let since = query.since, record.createdAt < since.advanced(by: .seconds(-60)) { isOver = true }
        }
        before = rows.last ?? start
        scanned += rows.count
        isOver = isOver || rows.count < wanted || found.count > query.limit || scanned >= JobQuery.scanLimit
    }
}

extension SQLiteConnection {
    /// The row that a list begins below; nil if `after` names no job that `tenant` may see.
    fileprivate func row(of after: JobID?, tenant: TenantID?) throws -> Int64? {
        guard let after else { return .max }
        let found = try first("SELECT row, tenant_name FROM job_records WHERE id = ? LIMIT 1", after.text) {
            ($0.int64(0), $0.text(1))
        }
        return found.flatMap { tenant == nil || $0.1 == tenant?.text ? $0.0 : nil }
    }

    func record(_ row: Int64, by keys: PayloadKeys) throws -> JobRecord? {
        try first(
            """
            SELECT id, tenant_name, state, model, priority, attempt, created_at, run_at, deadline, ended_at, status,
                metadata, cancel_requested, replay_of, replayed_as, sealed, is_erased
            FROM job_records WHERE row = ? LIMIT 1
            """, row
        ) { try jobRecord($0, by: keys) }
    }

    /// The newest rows below `before` of the narrowest table or index that holds all that the query can show.
    fileprivate func candidates(of query: JobQuery, before: Int64, limit: Int) throws -> [Int64] {
        switch (query.state, query.tenant?.text) {
        case (nil, let tenant) where query.isDeadLetter:
            try [JobState.errored, .expired]
                .flatMap { try unsuccessful($0.code, tenant, before: before, limit: limit) }
                .sorted(by: >).prefix(limit).map(\.self)
        case (.running, let tenant?):
            // Of this tenant alone: the last one looked at may become the page's cursor. There are only so many running.
            try all(
                """
                SELECT r.job FROM running r JOIN jobs j ON j.row = r.job
                WHERE r.job < ? AND j.tenant = (SELECT number FROM tenants WHERE name = ?) ORDER BY r.job DESC LIMIT ?
                """, before, tenant, limit
            ) { $0.int64(0) }
        case (.running, nil):
            try all("SELECT job FROM running WHERE job < ? ORDER BY job DESC LIMIT ?", before, limit) { $0.int64(0) }
        case (.queued, nil):
            try all("SELECT job FROM queued WHERE job < ? ORDER BY job DESC LIMIT ?", before, limit) { $0.int64(0) }
        case (.errored, let tenant), (.canceled, let tenant), (.expired, let tenant):
            try unsuccessful(query.state?.code ?? 0, tenant, before: before, limit: limit)
        case (_, nil):
            try all("SELECT row FROM jobs WHERE row < ? ORDER BY row DESC LIMIT ?", before, limit) { $0.int64(0) }
        case (_, let tenant?):
            try all(
                """
                SELECT row FROM jobs INDEXED BY jobs_tenant
                WHERE tenant = (SELECT number FROM tenants WHERE name = ?) AND row < ? ORDER BY row DESC LIMIT ?
                """, tenant, before, limit
            ) { $0.int64(0) }
        }
    }

    private func unsuccessful(_ state: Int, _ tenant: String?, before: Int64, limit: Int) throws -> [Int64] {
        guard let tenant else {
            return try all(
                """
                SELECT job FROM ended INDEXED BY ended_unsuccessful WHERE state > 2 AND state = ? AND job < ?
                ORDER BY job DESC LIMIT ?
                """, state, before, limit
            ) { $0.int64(0) }
        }
        return try all(
            """
            SELECT job FROM ended INDEXED BY ended_unsuccessful_tenant
            WHERE state > 2 AND tenant = (SELECT number FROM tenants WHERE name = ?) AND state = ? AND job < ?
            ORDER BY job DESC LIMIT ?
            """, tenant, state, before, limit
        ) { $0.int64(0) }
    }
}
