package import Domain

extension SQLiteJobStore {
    package func redeliver(
        _ id: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> RedeliveryOutcome {
        try await writer.perform { context in
            guard let (row, _) = try context.connection.delivery(id, of: tenant) else { return .unknown }
            let isSent = try context.redeliver(row, at: now)
            if isSent { try context.audit(.webhookRedelivered, id) }
            guard let record = try context.connection.deliveryRecord(row) else { return .unknown }
            return isSent ? .sent(record) : .notSendable(record)
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
            let count = try rows.count { try context.redeliver($0, at: now) }
            let subject = endpoint ?? tenant?.text ?? "all tenants"
            try context.audit(.webhookRedelivered, subject, "\(count) that failed since \(since.rfc3339)")
            return count
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
    let isInFlight: Bool
    let endpoint: String?
    let url: String
    let isTest: Bool
    let tenant: String
    let tenantNumber: Int64

    init(stored row: SQLiteRow) throws {
        state = try DeliveryState(stored: row.int(0))
        lane = row.int64(1)
        isInFlight = row.bool(2)
        endpoint = row.optionalText(3)
        url = row.text(4)
        isTest = row.int(5) == WebhookEvent.webhookTest.code
        tenant = row.text(6)
        tenantNumber = row.int64(7)
    }
}

extension WriteContext {
    /// - Returns: whether it is on its way now.
    @discardableResult
    fileprivate func redeliver(_ row: Int64, at now: Timestamp) throws -> Bool {
        let found = try connection.first(
            """
            SELECT d.state, d.lane, d.in_flight, d.endpoint, d.url, d.event, t.name, t.number
            FROM deliveries d JOIN tenants t ON t.number = d.tenant WHERE d.row = ? LIMIT 1
            """, row, read: StoredDelivery.init(stored:))
        guard let delivery = found else { return false }
        if delivery.state == .pending {
            guard try hasten(row, delivery, at: now) else { return false }
        } else {
            guard let lane = try lane(for: delivery) else { return false }
            try connection.execute(
                """
                UPDATE deliveries SET state = 0, round_start = attempt, in_flight = 0, due_at = ?, lane = ?,
                    ended_at = NULL, status = NULL, error = NULL
                WHERE row = ? AND state <> 0
                """, now, try fill(lane, of: delivery.endpoint, delivery.tenantNumber, at: now), row)
            countDeliveries(delivery.state, by: -1)
            countDeliveries(.pending, by: 1)
        }
        note(.deliveries)
        return true
    }

    /// What waits is due now; what is under way stays as it is. - Returns: false if its lane is given up.
    private func hasten(_ row: Int64, _ delivery: StoredDelivery, at now: Timestamp) throws -> Bool {
        guard let lane = try lane(delivery.lane), !lane.isGivenUp else { return false }
        guard !delivery.isInFlight else { return true }
        try connection.execute(
            "UPDATE deliveries SET due_at = min(due_at, ?) WHERE row = ? AND state = 0 AND in_flight = 0", now, row)
        try reopen(lane, at: now)
        return true
    }

    /// nil if nothing can be sent there.
    private func lane(for delivery: StoredDelivery) throws -> String? {
        guard let id = delivery.endpoint else { return try originLane(of: delivery.tenant, url: delivery.url) }
        guard let endpoint = try connection.endpoint(id) else { return nil }
        if delivery.isTest { return DeliveryLane.testName(ofEndpoint: id) }
        return endpoint.status == .disabled ? nil : id
    }
}
