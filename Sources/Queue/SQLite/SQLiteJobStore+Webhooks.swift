package import Domain

extension SQLiteJobStore {
    package func addEndpoint(_ endpoint: WebhookEndpoint) async throws(JobStoreError) {
        try await writer.perform { context in
            try context.audit(.webhookAdded, endpoint.id, "tenant \(endpoint.tenant)")
            try context.connection.execute(
                "INSERT INTO endpoints (id, tenant, url, events, secret, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                endpoint.id, endpoint.tenant.text, endpoint.url, endpoint.events.code, endpoint.sealedSecret,
                endpoint.createdAt)
        }
    }

    package func endpoints(of tenant: TenantID) async throws(JobStoreError) -> [WebhookEndpoint] {
        try await read { connection in
            try connection.all(
                """
                SELECT id, tenant, url, events, secret, created_at FROM endpoints WHERE tenant = ?
                ORDER BY row LIMIT 1000
                """, tenant.text
            ) { try WebhookEndpoint(stored: $0) }
        }
    }

    package func removeEndpoint(_ id: String, of tenant: TenantID) async throws(JobStoreError) -> Bool {
        let existed = try await writer.perform { context in
            let removed = try context.connection.execute(
                "DELETE FROM endpoints WHERE id = ? AND tenant = ?", id, tenant.text)
            if removed > 0 { try context.audit(.webhookRemoved, id, "tenant \(tenant)") }
            return removed > 0
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
        // Looked for beside the writer: mostly there is nothing, and then nobody is disturbed.
        let isThereAny = try await read { connection in
            try connection.first(
                "SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE state = 0 AND due_at <= ? LIMIT 1", now
            ) { _ in true }
        }
        guard isThereAny == true else { return [] }
        let claimed = try await writer.perform { context in
            try context.dueDeliveries(limit: min(limit, 1000), at: now).compactMap { delivery in
                try context.claim(delivery, until: now.advanced(by: duration))
            }
        }
        guard !claimed.isEmpty else { return [] }
        return try await read { connection in
            try claimed.compactMap { try $0.complete(in: connection) }  // an ended job stays as it is
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
            let changed = try context.connection.execute(
                """
                UPDATE deliveries SET state = ?, in_flight = 0, due_at = coalesce(?, due_at), ended_at = ?,
                    status = ?, error = ?
                WHERE id = ? AND attempt = ? AND state = 0 AND in_flight = 1
                """, values.state.code, values.due, values.end, values.status, values.error, id, attempt)
            guard changed > 0 else { return }
            context.countDeliveries(.pending, by: -1)
            context.countDeliveries(values.state, by: 1)
            if values.state == .pending { context.note(.deliveries) }
        }
    }

    package func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int] {
        try await read { try $0.counters("deliveries.", DeliveryState.allCases) }
    }

    private func removeDeliveries(to endpoint: String, limit: Int) async throws(JobStoreError) -> Int {
        try await writer.perform { context in
            let removed = try context.connection.execute(
                """
                DELETE FROM deliveries WHERE row IN (
                    SELECT row FROM deliveries INDEXED BY deliveries_endpoint
                    WHERE state = 0 AND endpoint IS NOT NULL AND endpoint = ? LIMIT ?
                )
                """, endpoint, limit)
            context.countDeliveries(.pending, by: -removed)
            return removed
        }
    }
}

/// An outbox row with what is needed to send it, but for the job.
private struct ClaimedDelivery: Sendable {
    let row: Int64
    let id: String
    /// Of the row as it was read; one more once it is claimed.
    var attempt: Int
    let job: Int64
    let url: String
    /// nil if the job named the URL itself, or the endpoint is gone.
    let endpoint: WebhookEndpoint?
    let isOrphan: Bool
    let event: WebhookEvent?
    let createdAt: Timestamp

    func complete(in connection: SQLiteConnection) throws -> Delivery? {
        guard let event else { return nil }
        let result = try connection.first(
            "SELECT status, headers, body FROM ended WHERE job = ? LIMIT 1", job, read: JobResult.init(stored:))
        return try connection.record(job).map { record in
            Delivery(
                id: id, attempt: attempt, url: url, endpoint: endpoint, event: event, createdAt: createdAt,
                job: record, result: result)
        }
    }
}

extension WriteContext {
    fileprivate func dueDeliveries(limit: Int, at now: Timestamp) throws -> [ClaimedDelivery] {
        try connection.all(
            """
            SELECT e.id, e.tenant, e.url, e.events, e.secret, e.created_at,
                d.row, d.id, d.attempt, d.job, d.url, d.event, d.created_at, d.endpoint
            FROM deliveries d INDEXED BY deliveries_due LEFT JOIN endpoints e ON e.id = d.endpoint
            WHERE d.state = 0 AND d.due_at <= ? ORDER BY d.due_at, d.row LIMIT ?
            """, now, limit
        ) { row in
            ClaimedDelivery(
                row: row.int64(6), id: row.text(7), attempt: row.int(8), job: row.int64(9), url: row.text(10),
                endpoint: row.isNull(0) ? nil : try WebhookEndpoint(stored: row),
                isOrphan: row.isNull(0) && !row.isNull(13), event: WebhookEvent.set(code: row.int(11)).first,
                createdAt: row.time(12))
        }
    }

    /// nil if the endpoint is gone, and then so is the row.
    fileprivate func claim(_ delivery: ClaimedDelivery, until end: Timestamp) throws -> ClaimedDelivery? {
        guard !delivery.isOrphan, delivery.event != nil else {
            let removed = try connection.execute("DELETE FROM deliveries WHERE row = ? AND state = 0", delivery.row)
            countDeliveries(.pending, by: -removed)
            return nil
        }
        var claimed = delivery
        claimed.attempt += 1
        try connection.execute(
            "UPDATE deliveries SET attempt = ?, in_flight = 1, due_at = ? WHERE row = ? AND state = 0",
            claimed.attempt, end, delivery.row)
        return claimed
    }
}

extension WebhookEndpoint {
    /// Reads `id, tenant, url, events, secret, created_at` of `endpoints`.
    fileprivate init(stored row: SQLiteRow) throws {
        self.init(
            id: row.text(0), tenant: try TenantID(stored: row.text(1)), url: row.text(2),
            events: WebhookEvent.set(code: row.int(3)), sealedSecret: row.bytes(4), createdAt: row.time(5))
    }
}
