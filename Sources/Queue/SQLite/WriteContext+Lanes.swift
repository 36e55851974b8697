import Domain

extension WriteContext {
    func lane(_ number: Int64) throws -> DeliveryLane? {
        try connection.first(
            """
            SELECT number, name, endpoint, mode, pending, in_flight, open_at, window, failures, failing_since,
                tripped_until, rest, failed_at, suspect, tenant, waits_until
            FROM lanes WHERE number = ? LIMIT 1
            """, number, read: DeliveryLane.init(stored:))
    }

    func lane(named name: String) throws -> DeliveryLane? {
        try connection.first(
            """
            SELECT number, name, endpoint, mode, pending, in_flight, open_at, window, failures, failing_since,
                tripped_until, rest, failed_at, suspect, tenant, waits_until
            FROM lanes WHERE name = ? LIMIT 1
            """, name, read: DeliveryLane.init(stored:))
    }

    /// Writes a lane that exists, or deletes it if it is empty and not kept.
    func write(_ lane: DeliveryLane) throws {
        guard lane.isKept else {
            try connection.execute("DELETE FROM lanes WHERE number = ?", lane.number)
            return
        }
        let health = lane.health
        try connection.execute(
            """
            UPDATE lanes SET mode = ?, pending = ?, in_flight = ?, suspect = ?, open_at = ?, window = ?, failures = ?,
                failing_since = ?, tripped_until = ?, rest = ?, failed_at = ?, waits_until = ?
            WHERE number = ?
            """,
            lane.mode.rawValue, lane.pending, lane.inFlight, lane.isSuspect, lane.openAt, health.window,
            health.failures, health.failingSince, health.trippedUntil, health.rest.microseconds,
            health.lastFailedAt, lane.waitsUntil, lane.number)
    }

    /// Writes a lane after it has been changed, and when a claim is to look at it next.
    /// - Parameter limit: of any lane, if it is known.
    func reopen(_ lane: DeliveryLane, limit: Int = EndpointHealth.widest, at now: Timestamp) throws {
        var lane = lane
        let waiting = try firstDue(in: lane, isInFlight: false)
        let lease = lane.inFlight > 0 ? try firstDue(in: lane, isInFlight: true) : nil
        lane.openAt = lane.opening(waiting: waiting, lease: lease, limit: limit, at: now)
        try write(lane)
    }

    private func firstDue(in lane: DeliveryLane, isInFlight: Bool) throws -> Timestamp? {
        try connection.first(
            """
            SELECT due_at FROM deliveries INDEXED BY deliveries_lane WHERE state = 0 AND lane = ? AND in_flight = ?
            ORDER BY due_at LIMIT 1
            """, lane.number, isInFlight
        ) { $0.time(0) }
    }

    // MARK: Lanes that are given up

    /// Ends or deletes up to `limit` of what waits in the lane of an endpoint that is disabled or gone.
    /// - Returns: how many.
    func drain(_ lane: inout DeliveryLane, limit: Int, at now: Timestamp) throws -> Int {
        switch lane.mode {
        case .open, .paused: 0
        case .disabled: try fail(&lane, limit: limit, at: now)
        case .removed: try delete(&lane, limit: limit)
        }
    }

    private func fail(_ lane: inout DeliveryLane, limit: Int, at now: Timestamp) throws -> Int {
        let count = try connection.execute(
            """
            UPDATE deliveries SET state = 2, ended_at = ?, error = ? WHERE row IN (
                SELECT row FROM deliveries INDEXED BY deliveries_lane WHERE state = 0 AND lane = ? AND in_flight = 0
                LIMIT ?)
            """, now, DeliveryLane.disabledError, lane.number, limit)
        lane.pending -= count
        countDeliveries(.pending, by: -count)
        countDeliveries(.failed, by: count)
        return count
    }

    private func delete(_ lane: inout DeliveryLane, limit: Int) throws -> Int {
        let deleted = try connection.all(
            """
            DELETE FROM deliveries WHERE row IN (
                SELECT row FROM deliveries INDEXED BY deliveries_lane WHERE state = 0 AND lane = ? LIMIT ?)
            RETURNING row, in_flight
            """, lane.number, limit
        ) { (row: $0.int64(0), inFlight: $0.int(1)) }
        for delivery in deleted {
            try connection.execute("DELETE FROM delivery_attempts WHERE delivery = ?", delivery.row)
        }
        lane.pending -= deleted.count
        lane.inFlight -= deleted.reduce(0) { $0 + $1.inFlight }
        countDeliveries(.pending, by: -deleted.count)
        return deleted.count
    }
}

extension DeliveryLane {
    /// Reads `number, name, endpoint, mode, pending, in_flight, open_at, window, failures, failing_since, tripped_until,
    /// rest, failed_at, suspect, tenant, waits_until` of `lanes`.
    init(stored row: SQLiteRow) throws {
        guard let mode = Mode(rawValue: row.int(3)) else {
            throw DamagedValue(description: "damaged file: lane '\(row.text(1))' has no known mode")
        }
        self.init(
            number: row.int64(0), name: row.text(1), tenant: try TenantID(stored: row.text(14)),
            endpoint: row.optionalText(2), mode: mode, pending: row.int(4), inFlight: row.int(5),
            openAt: row.optionalTime(6), waitsUntil: row.optionalTime(15), health: EndpointHealth(stored: row, from: 7))
    }
}

extension EndpointHealth {
    /// Reads `window, failures, failing_since, tripped_until, rest, failed_at, suspect` from `column` on.
    init(stored row: SQLiteRow, from column: Int32) {
        self.init(
            window: row.int(column), failures: row.int(column + 1), failingSince: row.optionalTime(column + 2),
            trippedUntil: row.optionalTime(column + 3), rest: .microseconds(row.int64(column + 4)),
            lastFailedAt: row.optionalTime(column + 5), isTrusted: !row.bool(column + 6))
    }
}
