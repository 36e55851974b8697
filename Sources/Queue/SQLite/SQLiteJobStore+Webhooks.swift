package import Domain
import FoundationEssentials
import GRDB

extension SQLiteJobStore {
    package func addEndpoint(_ endpoint: WebhookEndpoint) async throws(JobStoreError) {
        try await writer.perform { context in
            try context.execute(
                "INSERT INTO endpoints (id, tenant, url, events, secret, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    endpoint.id, endpoint.tenant.text, endpoint.url, endpoint.events.code,
                    Data(endpoint.sealedSecret), endpoint.createdAt.microseconds,
                ])
        }
    }

    package func endpoints(of tenant: TenantID) async throws(JobStoreError) -> [WebhookEndpoint] {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT \(WebhookEndpoint.columns) FROM endpoints e WHERE e.tenant = ? ORDER BY e.row LIMIT 1000")
            return try Row.fetchAll(statement, arguments: [tenant.text]).map { try WebhookEndpoint(stored: $0) }
        }
    }

    package func removeEndpoint(_ id: String, of tenant: TenantID) async throws(JobStoreError) -> Bool {
        let existed = try await writer.perform { context in
            try context.execute("DELETE FROM endpoints WHERE id = ? AND tenant = ?", [id, tenant.text]) > 0
        }
        guard existed else { return false }
        // In pieces, so that no transaction is long. A crash in between leaves rows that no claim hands out.
        let piece = 1000
        while try await removeDeliveries(to: id, limit: piece) == piece {}
        return true
    }

    package func claimDeliveries(
        limit: Int, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Delivery] {
        guard limit > 0 else { return [] }
        let claimed = try await writer.perform { context in
            try context.dueDeliveries(limit: min(limit, 1000), at: now).compactMap { row in
                try context.claim(row, until: now.advanced(by: duration))
            }
        }
        guard !claimed.isEmpty else { return [] }
        return try await read { database in
            try claimed.compactMap { try $0.complete(in: database) }  // beside the writer: an ended job stays as it is
        }
    }

    package func settleDelivery(
        _ id: String, attempt: Int, as outcome: DeliveryOutcome
    ) async throws(JobStoreError) {
        try await writer.perform { context in
            let values: (state: DeliveryState, due: Timestamp?, end: Timestamp?, status: Int?, error: String?) =
                switch outcome {
                case .delivered(let now, let status): (.delivered, nil, now, status, nil)
                case .retry(let due, let error): (.pending, due, nil, nil, error)
                case .failed(let now, let error): (.failed, nil, now, nil, error)
                }
            let changed = try context.execute(
                """
                UPDATE deliveries SET state = ?, in_flight = 0, due_at = coalesce(?, due_at), ended_at = ?,
                    status = ?, error = ?
                WHERE id = ? AND attempt = ? AND state = 0 AND in_flight = 1
                """,
                [
                    values.state.code, values.due?.microseconds, values.end?.microseconds, values.status, values.error,
                    id, attempt,
                ])
            guard changed > 0 else { return }
            context.countDeliveries(.pending, by: -1)
            context.countDeliveries(values.state, by: 1)
            if values.state == .pending { context.note(.deliveries) }
        }
    }

    package func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int] {
        try await read { database in
            try Self.counters(WriteContext.deliveries, in: database, DeliveryState.allCases, \.code)
        }
    }

    private func removeDeliveries(to endpoint: String, limit: Int) async throws(JobStoreError) -> Int {
        try await writer.perform { context in
            let removed = try context.execute(
                """
                DELETE FROM deliveries WHERE row IN (
                    SELECT row FROM deliveries INDEXED BY deliveries_endpoint
                    WHERE state = 0 AND endpoint IS NOT NULL AND endpoint = ? LIMIT ?
                )
                """,
                [endpoint, limit])
            context.countDeliveries(.pending, by: -removed)
            return removed
        }
    }
}

/// A claimed outbox row whose job is still to be read.
private struct ClaimedDelivery: Sendable {
    let id: String
    let attempt: Int
    let job: Int64
    let url: String
    let endpoint: WebhookEndpoint?
    let event: WebhookEvent
    let createdAt: Timestamp

    func complete(in database: Database) throws -> Delivery? {
        let record = try database.cachedStatement(
            sql: "SELECT \(JobRecord.columns) FROM jobs j JOIN payloads p ON p.job = j.row WHERE j.row = ? LIMIT 1")
        let result = try database.cachedStatement(
            sql: "SELECT status, headers, body FROM results WHERE job = ? LIMIT 1")
        return try Row.fetchOne(record, arguments: [job]).map { row in
            Delivery(
                id: id, attempt: attempt, url: url, endpoint: endpoint, event: event, createdAt: createdAt,
                job: try JobRecord(stored: row),
                result: try Row.fetchOne(result, arguments: [job]).map(JobResult.init(stored:)))
        }
    }
}

extension WriteContext {
    fileprivate func dueDeliveries(limit: Int, at now: Timestamp) throws -> [Row] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT \(WebhookEndpoint.columns), d.row, d.id, d.attempt, d.job, d.url, d.event, d.created_at,
                    d.endpoint
                FROM deliveries d INDEXED BY deliveries_due LEFT JOIN endpoints e ON e.id = d.endpoint
                WHERE d.state = 0 AND d.due_at <= ? ORDER BY d.due_at, d.row LIMIT ?
                """)
        return try Row.fetchAll(statement, arguments: [now.microseconds, limit])
    }

    /// nil if the endpoint is gone, and then so is the row.
    fileprivate func claim(_ row: Row, until end: Timestamp) throws -> ClaimedDelivery? {
        let number: Int64 = row[6]
        let endpointID: String? = row[13]
        let isOrphan = endpointID != nil && row.hasNull(atIndex: 0)
        guard !isOrphan, let event = WebhookEvent.set(code: row[11]).first else {
            let removed = try execute("DELETE FROM deliveries WHERE row = ? AND state = 0", [number])
            countDeliveries(.pending, by: -removed)
            return nil
        }
        let attempt: Int = row[8] + 1
        try execute(
            "UPDATE deliveries SET attempt = ?, in_flight = 1, due_at = ? WHERE row = ? AND state = 0",
            [attempt, end.microseconds, number])
        return ClaimedDelivery(
            id: row[7], attempt: attempt, job: row[9], url: row[10],
            endpoint: endpointID == nil ? nil : try WebhookEndpoint(stored: row), event: event,
            createdAt: Timestamp(microseconds: row[12]))
    }
}

extension WebhookEndpoint {
    /// What ``init(stored:)`` reads, from `endpoints e`.
    fileprivate static let columns = "e.id, e.tenant, e.url, e.events, e.secret, e.created_at"

    fileprivate init(stored row: Row) throws {
        let secret: Data = row[4]
        self.init(
            id: row[0], tenant: try TenantID(stored: row[1]), url: row[2], events: WebhookEvent.set(code: row[3]),
            sealedSecret: Array(secret), createdAt: Timestamp(microseconds: row[5]))
    }
}
