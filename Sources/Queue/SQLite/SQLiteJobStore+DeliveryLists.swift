package import Domain

extension SQLiteJobStore {
    package func deliveries(_ query: DeliveryQuery) async throws(JobStoreError) -> DeliveryPage {
        var list = DeliveryList(query: query)
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

    package func delivery(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> DeliveryHistory? {
        let keys = payloadKeys
        return try await read { connection in
            guard let (row, record) = try connection.delivery(id, of: tenant) else { return nil }
            let attempts = try connection.all(
                """
                SELECT a.attempt, a.started_at, a.ended_at, a.status, a.error, a.answer,
                    CASE WHEN d.job > 0 AND d.job <= x.jobs_through THEN 2 ELSE a.sealed END
                FROM delivery_attempts a JOIN deliveries d ON d.row = a.delivery
                LEFT JOIN erasures x ON x.tenant = d.tenant
                WHERE a.delivery = ? ORDER BY a.attempt LIMIT 1000
                """, row
            ) { row in
                DeliveryAttempt(
                    attempt: row.int(0), startedAt: row.time(1), endedAt: row.time(2), status: row.optionalInt(3),
                    error: row.optionalText(4), answer: try connection.answer(row, of: id, by: keys))
            }
            return DeliveryHistory(record: record, attempts: attempts)
        }
    }

    package func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int] {
        try await read { try $0.counters("deliveries.", DeliveryState.allCases) }
    }

    package func laneCounts(at now: Timestamp) async throws(JobStoreError) -> [EndpointHealth.State: Int] {
        try await read { connection in
            let all = try connection.number("SELECT count(*) FROM (SELECT 1 FROM lanes LIMIT 100000)")
            let found = try connection.first(
                """
                SELECT count(*), coalesce(sum(tripped_until > ?), 0) FROM (SELECT tripped_until FROM lanes
                    INDEXED BY lanes_tripped WHERE tripped_until IS NOT NULL LIMIT 100000)
                """, now
            ) { (all: $0.int(0), tripped: $0.int(1)) }
            let (stopped, tripped) = (found?.all ?? 0, found?.tripped ?? 0)
            return [.passing: Int(all) - stopped, .tripped: tripped, .probing: stopped - tripped]
        }
    }
}

/// A page of a list while it is being put together.
private struct DeliveryList: Sendable {
    private static let sliceLimit = 500

    let query: DeliveryQuery
    private var found: [DeliveryRecord] = []
    /// Rows from here on have been looked at; nil until the first slice.
    private var before: Int64?
    private var last: DeliveryRecord?
    private var scanned = 0
    private(set) var isOver = false

    init(query: DeliveryQuery) {
        self.query = query
    }

    var page: DeliveryPage {
        if found.count > query.limit {
            let records = Array(found.prefix(query.limit))
            return DeliveryPage(records: records, next: records.last?.id)
        }
        return DeliveryPage(records: found, next: scanned >= DeliveryQuery.scanLimit ? last?.id : nil)
    }

    /// Looks at the next slice of candidates.
    mutating func extend(from connection: SQLiteConnection) throws {
        guard let start = try before ?? connection.row(before: query) else { return isOver = true }
        let wanted = min(Self.sliceLimit, max(query.limit + 1 - found.count, scanned))
        let rows = try connection.candidates(of: query, before: start, limit: wanted)
        for row in rows {
            guard let record = try connection.deliveryRecord(row) else { continue }
            last = record
            if query.matches(record) { found.append(record) }
            if let since = query.since, record.createdAt < since.advanced(by: .seconds(-60)) { isOver = true }
        }
        before = rows.last ?? start
        scanned += rows.count
        isOver = isOver || rows.count < wanted || found.count > query.limit || scanned >= DeliveryQuery.scanLimit
    }
}

extension SQLiteConnection {
    /// The row that a list begins below; nil if `after` names no delivery that the tenant may see.
    fileprivate func row(before query: DeliveryQuery) throws -> Int64? {
        guard let after = query.after else { return .max }
        return try delivery(after, of: query.tenant)?.row
    }

    /// What a receiver has answered; nothing if that is erased, or cannot be opened here. Reads `attempt` and, from column 5
    /// on, `answer, sealed`.
    fileprivate func answer(_ row: SQLiteRow, of delivery: String, by keys: PayloadKeys) throws -> [UInt8] {
        do {
            return try open(
                row.bytes(5), PayloadForm(stored: row.int(6)), as: .answer(of: delivery, attempt: row.int(0)), by: keys)
        } catch is JobStoreError {
            return []
        }
    }

    fileprivate func candidates(of query: DeliveryQuery, before row: Int64, limit: Int) throws -> [Int64] {
        if let job = query.job {
            return try all(
                """
                SELECT row FROM deliveries INDEXED BY deliveries_job
                WHERE job = (SELECT row FROM jobs WHERE id = ?) AND row < ? ORDER BY row DESC LIMIT ?
                """, job.text, row, limit
            ) { $0.int64(0) }
        }
        guard let tenant = query.tenant else {
            return try all("SELECT row FROM deliveries WHERE row < ? ORDER BY row DESC LIMIT ?", row, limit) {
                $0.int64(0)
            }
        }
        return try all(
            """
            SELECT row FROM deliveries INDEXED BY deliveries_tenant
            WHERE tenant = (SELECT number FROM tenants WHERE name = ?) AND row < ? ORDER BY row DESC LIMIT ?
            """, tenant.text, row, limit
        ) { $0.int64(0) }
    }

    func delivery(_ id: String, of tenant: TenantID?) throws -> (row: Int64, record: DeliveryRecord)? {
        guard let row = try first("SELECT row FROM deliveries WHERE id = ? LIMIT 1", id, read: { $0.int64(0) }),
            let record = try deliveryRecord(row), tenant == nil || record.tenant == tenant
        else { return nil }
        return (row, record)
    }

    func deliveryRecord(_ row: Int64) throws -> DeliveryRecord? {
        try first(
            """
            SELECT d.id, t.name, d.event, CASE WHEN d.state = 0 THEN coalesce(e.url, d.url) ELSE d.url END, d.endpoint,
                j.id, d.state, d.attempt, d.created_at, d.due_at, d.ended_at, d.status, d.error
            FROM deliveries d JOIN tenants t ON t.number = d.tenant LEFT JOIN endpoints e ON e.id = d.endpoint
            LEFT JOIN jobs j ON j.row = d.job WHERE d.row = ? LIMIT 1
            """, row
        ) { row in
            let state = try DeliveryState(stored: row.int(6))
            return DeliveryRecord(
                id: row.text(0), tenant: try TenantID(stored: row.text(1)), event: try WebhookEvent(stored: row.int(2)),
                url: row.text(3), endpoint: row.optionalText(4), job: try row.optionalText(5).map(JobID.init(stored:)),
                state: state, attempts: row.int(7), createdAt: row.time(8),
                dueAt: state == .pending ? row.time(9) : nil, endedAt: row.optionalTime(10),
                status: row.optionalInt(11), error: row.optionalText(12))
        }
    }
}
