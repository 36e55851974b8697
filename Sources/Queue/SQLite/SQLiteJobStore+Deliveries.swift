package import Domain

extension SQLiteJobStore {
    package func claimDeliveries(
        _ demand: DeliveryDemand, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Delivery] {
        // A look may find lanes that have nothing after all.
        for _ in 0..<8 {
            // Beside the writer: mostly there is nothing, and then nobody is disturbed.
            let lanes = try await read { try $0.openLanes(for: demand, at: now) }
            guard !lanes.isEmpty else { return [] }
            let claimed = try await writer.perform { context in
                var round = DeliveryRound(demand, at: now, until: now.advanced(by: duration), in: context)
                try round.run(lanes)
                return round.claimed
            }
            guard claimed.isEmpty else { return try await complete(claimed, for: demand) }
        }
        return []
    }

    private func complete(
        _ claimed: [ClaimedDelivery], for demand: DeliveryDemand
    ) async throws(JobStoreError) -> [Delivery] {
        let keys = payloadKeys
        return try await read { connection in  // an ended job stays as it is
            try claimed.compactMap { try $0.complete(in: connection, inlineLimit: demand.inlineLimit, by: keys) }
        }
    }

    package func settleDelivery(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) async throws(JobStoreError) -> EndpointDisabling? {
        try await sealing { () async throws(JobStoreError) in
            try await writer.perform(bytes: log.answer.count, isVital: true) {
                try $0.settle(delivery, as: outcome, log: log, rules: rules)
            }
        }
    }
}

/// A delivery of which an attempt has just ended.
private struct SettledDelivery {
    let row: Int64
    let lane: Int64
    let tenant: Int64
    /// Its row; 0 if it is of no job.
    let job: Int64

    /// Reads `row, lane, tenant, job`.
    init(stored row: SQLiteRow) {
        self.row = row.int64(0)
        lane = row.int64(1)
        tenant = row.int64(2)
        job = row.int64(3)
    }
}

extension WriteContext {
    fileprivate func settle(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) throws -> EndpointDisabling? {
        let isFormer = try isFormer(delivery)
        let ending = DeliveryEnding(isFormer ? outcome.atFormerURL(at: log.endedAt) : outcome, log: log)
        guard let settled = try settle(delivery, as: ending) else { return nil }
        if ending.isCounted { try write(log, of: delivery.id, settled) }
        if ending.state == .pending {
            note(.deliveries)
        } else {
            countDeliveries(.pending, by: -1)
            countDeliveries(ending.state, by: 1)
        }
        guard var lane = try lane(settled.lane) else { return nil }
        let failingSince = lane.health.failingSince
        let reason = isFormer ? nil : lane.attemptEnded(outcome, log, rules: rules)
        if isFormer { lane.formerAttemptEnded(outcome) }
        try reopen(lane, at: log.endedAt)
        note(.deliveries)  // there is room for another
        guard let reason, let endpoint = lane.endpoint else { return nil }
        return try disable(
            endpoint, of: settled.tenant, because: reason, failingSince: lane.health.failingSince ?? failingSince,
            at: log.endedAt)
    }

    /// Whether its endpoint has got another URL since it was claimed.
    private func isFormer(_ delivery: Delivery) throws -> Bool {
        guard let id = delivery.endpoint?.id else { return false }
        let url = try connection.first("SELECT url FROM endpoints WHERE id = ? LIMIT 1", id) { $0.text(0) }
        return url.map { $0 != delivery.url } ?? false
    }

    /// nil, and nothing changed, if the attempt is not the delivery's current one.
    private func settle(
        _ delivery: Delivery, as ending: DeliveryEnding
    ) throws -> SettledDelivery? {
        guard ending.isCounted else {
            return try connection.first(
                """
                UPDATE deliveries SET in_flight = 0, attempt = attempt - 1, due_at = ?
                WHERE id = ? AND attempt = ? AND state = 0 AND in_flight = 1 RETURNING row, lane, tenant, job
                """, ending.dueAt, delivery.id, delivery.attempt, read: SettledDelivery.init(stored:))
        }
        return try connection.first(
            """
            UPDATE deliveries SET in_flight = 0, state = ?, due_at = coalesce(?, due_at), ended_at = ?, status = ?,
                error = ?
            WHERE id = ? AND attempt = ? AND state = 0 AND in_flight = 1 RETURNING row, lane, tenant, job
            """, ending.state.code, ending.dueAt, ending.endedAt, ending.status, ending.error, delivery.id,
            delivery.attempt, read: SettledDelivery.init(stored:))
    }

    private func write(
        _ log: DeliveryAttempt, of id: String, _ delivery: SettledDelivery
    ) throws {
        let isErased = try erasure(of: delivery.tenant).map { (1...max($0.jobs, 1)).contains(delivery.job) } ?? false
        let (answer, form) =
            isErased
            ? ([], .erased) : try stored(log.answer, as: .answer(of: id, attempt: log.attempt), of: delivery.tenant)
        try connection.execute(
            """
            INSERT INTO delivery_attempts (delivery, attempt, started_at, ended_at, status, error, answer, sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """, delivery.row, log.attempt, log.startedAt, log.endedAt, log.status, log.error, answer, form.rawValue)
        guard log.attempt > DeliveryAttempt.kept else { return }
        try connection.execute(
            "DELETE FROM delivery_attempts WHERE delivery = ? AND attempt <= ?", delivery.row,
            log.attempt - DeliveryAttempt.kept)
    }

    /// Disables an endpoint and tells the tenant's others. - Returns: nil if it was paused or disabled before.
    private func disable(
        _ id: String, of tenant: Int64, because reason: String, failingSince: Timestamp?, at now: Timestamp
    ) throws -> EndpointDisabling? {
        let found = try connection.first(
            """
            UPDATE endpoints SET status = 2, status_reason = ?, changed_at = ? WHERE id = ? AND status = 0
            RETURNING tenant, url
            """, reason, now, id
        ) { (tenant: try TenantID(stored: $0.text(0)), url: $0.text(1)) }
        guard let found else { return nil }
        try audit(.webhookDisabled, id, reason)
        if var lane = try lane(named: id) {
            lane.mode = .disabled
            try reopen(lane, at: now)
        }
        let disabling = EndpointDisabling(
            endpoint: id, tenant: found.tenant, url: found.url, reason: reason, failingSince: failingSince)
        try announce(.webhookDisabled, disabling.data(at: now), to: tenant, except: id, at: now)
        return disabling
    }
}
