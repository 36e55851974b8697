package import Domain

extension SQLiteJobStore {
    package func redeliver(
        _ id: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> RedeliveryOutcome {
        try await writer.perform { context in
            guard let (row, _) = try context.connection.delivery(id, of: tenant) else { return .unknown }
            let effect = try context.redeliver(row, at: now)
            if effect == .changed { try context.audit(.webhookRedelivered, id) }
            guard let record = try context.connection.deliveryRecord(row) else { return .unknown }
            return effect == .refused ? .notSendable(record) : .sent(record)
        }
    }

    package func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        guard limit > 0, since <= now else { return 0 }
        let rows = try await read { connection in
            var search = FailedSearch(since: since, until: now, limit: min(limit, 1000), connection: connection)
            try search.run(endpoint: endpoint, of: tenant)
            return search.rows
        }
        guard !rows.isEmpty else { return 0 }
        return try await writer.perform { context in
            let effects = try rows.map { try context.redeliver($0, at: now) }
            let count = effects.count { $0 == .changed }
            if count > 0 {
                let subject = endpoint ?? tenant?.text ?? "all tenants"
                try context.audit(.webhookRedelivered, subject, "\(count) that failed since \(since.rfc3339)")
            }
            return effects.count { $0 != .refused }
        }
    }
}

/// Looks for deliveries that have failed: one probe a receiver.
private struct FailedSearch {
    /// Receivers that are asked at most.
    private static let receiverLimit = 10_000

    let since: Timestamp
    let until: Timestamp
    let limit: Int
    let connection: SQLiteConnection
    private(set) var rows: [Int64] = []

    init(since: Timestamp, until: Timestamp, limit: Int, connection: SQLiteConnection) {
        self.since = since
        self.until = until
        self.limit = limit
        self.connection = connection
    }

    mutating func run(endpoint: String?, of tenant: TenantID?) throws {
        for id in try endpoints(endpoint, of: tenant) where rows.count < limit {
            rows += try connection.all(
                """
                SELECT row FROM deliveries INDEXED BY deliveries_failed WHERE state = 2 AND endpoint IS NOT NULL
                    AND endpoint = ? AND ended_at >= ? AND ended_at <= ? ORDER BY ended_at, row LIMIT ?
                """, id, since, until, limit - rows.count
            ) { $0.int64(0) }
        }
        guard endpoint == nil else { return }
        for number in try tenants(tenant) where rows.count < limit {
            rows += try connection.all(
                """
                SELECT row FROM deliveries INDEXED BY deliveries_failed_url WHERE state = 2 AND endpoint IS NULL
                    AND tenant = ? AND ended_at >= ? AND ended_at <= ? ORDER BY ended_at, row LIMIT ?
                """, number, since, until, limit - rows.count
            ) { $0.int64(0) }
        }
    }

    /// Those that may be sent something.
    private func endpoints(_ id: String?, of tenant: TenantID?) throws -> [String] {
        if let id {
            let endpoint = try connection.endpoint(id, of: tenant)
            return endpoint.map { $0.status == .disabled ? [] : [$0.id] } ?? []
        }
        guard let tenant else {
            return try connection.all(
                "SELECT id FROM endpoints WHERE status <> 2 ORDER BY row LIMIT ?", Self.receiverLimit
            ) { $0.text(0) }
        }
        return try connection.all(
            """
            SELECT id FROM endpoints INDEXED BY endpoints_tenant WHERE tenant = ? AND status <> 2 ORDER BY row LIMIT ?
            """, tenant.text, Self.receiverLimit
        ) { $0.text(0) }
    }

    private func tenants(_ tenant: TenantID?) throws -> [Int64] {
        guard let tenant else {
            return try connection.all("SELECT number FROM tenants ORDER BY number LIMIT ?", Self.receiverLimit) {
                $0.int64(0)
            }
        }
        return try connection.all("SELECT number FROM tenants WHERE name = ? LIMIT 1", tenant.text) { $0.int64(0) }
    }
}

/// A delivery as sending it anew needs it.
private struct StoredDelivery {
    let state: DeliveryState
    let lane: Int64
    let endpoint: String?
    let url: String
    let isTest: Bool
    let tenant: String
    let tenantNumber: Int64

    init(stored row: SQLiteRow) throws {
        state = try DeliveryState(stored: row.int(0))
        lane = row.int64(1)
        endpoint = row.optionalText(2)
        url = row.text(3)
        isTest = row.int(4) == WebhookEvent.webhookTest.code
        tenant = row.text(5)
        tenantNumber = row.int64(6)
    }
}

extension WriteContext {
    fileprivate func redeliver(_ row: Int64, at now: Timestamp) throws -> RedeliveryEffect {
        let found = try connection.first(
            """
            SELECT d.state, d.lane, d.endpoint, d.url, d.event, t.name, t.number
            FROM deliveries d JOIN tenants t ON t.number = d.tenant WHERE d.row = ? LIMIT 1
            """, row, read: StoredDelivery.init(stored:))
        guard let delivery = found else { return .refused }
        guard delivery.state != .pending else { return try hasten(row, delivery, at: now) }
        guard let lane = try lane(for: delivery) else { return .refused }
        try connection.execute(
            """
            UPDATE deliveries SET state = 0, round_start = attempt, in_flight = 0, due_at = ?, lane = ?,
                ended_at = NULL, status = NULL, error = NULL
            WHERE row = ? AND state <> 0
            """, now, try fill(lane, of: delivery.endpoint, delivery.tenantNumber, at: now), row)
        countDeliveries(delivery.state, by: -1)
        countDeliveries(.pending, by: 1)
        note(.deliveries)
        return .changed
    }

    /// What waits is due now; what is due or under way stays as it is. Refused if its lane is given up.
    private func hasten(_ row: Int64, _ delivery: StoredDelivery, at now: Timestamp) throws -> RedeliveryEffect {
        guard let lane = try lane(delivery.lane), !lane.isGivenUp else { return .refused }
        let changed = try connection.execute(
            "UPDATE deliveries SET due_at = ?1 WHERE row = ?2 AND state = 0 AND in_flight = 0 AND due_at > ?1", now, row
        )
        guard changed > 0 else { return .unchanged }
        try reopen(lane, at: now)
        note(.deliveries)
        return .changed
    }

    /// nil if nothing can be sent there.
    private func lane(for delivery: StoredDelivery) throws -> String? {
        guard let id = delivery.endpoint else { return try originLane(of: delivery.tenant, url: delivery.url) }
        guard let endpoint = try connection.endpoint(id) else { return nil }
        if delivery.isTest { return DeliveryLane.testName(ofEndpoint: id) }
        return endpoint.status == .disabled ? nil : id
    }
}
