import Domain

/// An outbox row with what is needed to send it, but for the job.
struct ClaimedDelivery: Sendable {
    let row: Int64
    let id: String
    let attempt: Int
    let roundStart: Int
    let tenant: TenantID
    let job: Int64
    let data: [UInt8]?
    let url: String
    let event: WebhookEvent
    let createdAt: Timestamp
    /// nil if the job named the URL itself.
    var endpoint: WebhookEndpoint?
    var isProbe = false
    var isSuspect = false

    /// nil if its job is gone.
    func complete(in connection: SQLiteConnection, by keys: PayloadKeys) throws -> Delivery? {
        guard let subject = try subject(in: connection, by: keys) else { return nil }
        return Delivery(
            id: id, attempt: attempt, roundAttempt: attempt - roundStart, url: url, tenant: tenant, endpoint: endpoint,
            event: event, createdAt: createdAt, subject: subject, isProbe: isProbe, isSuspect: isSuspect)
    }

    private func subject(in connection: SQLiteConnection, by keys: PayloadKeys) throws -> DeliverySubject? {
        if let data { return .data(data) }
        guard let record = try connection.record(job, by: keys) else { return nil }
        return .job(record, record.isErased ? nil : try result(of: record.id, in: connection, by: keys))
    }

    /// nil also if it cannot be had: the event is true all the same, and whoever asks for the result is told why.
    private func result(of id: JobID, in connection: SQLiteConnection, by keys: PayloadKeys) throws -> JobResult? {
        do {
            return try connection.first("SELECT status, headers, body, sealed FROM ended WHERE job = ? LIMIT 1", job) {
                try connection.jobResult($0, of: id, by: keys)
            }
        } catch is JobStoreError {
            return nil
        }
    }
}

/// One claim of deliveries: lanes take turns.
struct DeliveryRound {
    /// What one claim ends or deletes of lanes that are given up, at most.
    private static let drainLimit = 1000
    /// How often it looks for lanes again, should those it found have had nothing.
    private static let looks = 8

    let demand: DeliveryDemand
    let now: Timestamp
    let end: Timestamp
    let context: WriteContext
    private var drained = 0
    private(set) var claimed: [ClaimedDelivery] = []

    init(_ demand: DeliveryDemand, at now: Timestamp, until end: Timestamp, in context: WriteContext) {
        self.demand = demand
        self.now = now
        self.end = end
        self.context = context
    }

    /// Suspects first, for they are few: those that work would leave them nothing.
    mutating func run() throws {
        try serve(areSuspect: true, upTo: demand.suspects)
        try serve(areSuspect: false, upTo: demand.limit)
        if drained > 0 { context.note(.deliveries) }  // there may be more
    }

    private mutating func serve(areSuspect: Bool, upTo limit: Int) throws {
        for _ in 0..<Self.looks where claimed.count < limit {
            let wanted = limit - claimed.count
            let lanes = try context.openLanes(at: now, areSuspect: areSuspect, limit: wanted)
            for lane in lanes where claimed.count < limit { try serve(lane, upTo: limit - claimed.count) }
            guard lanes.count == wanted else { return }
        }
    }

    private mutating func serve(_ lane: DeliveryLane, upTo limit: Int) throws {
        var lane = lane
        if lane.inFlight > 0 { try context.releaseLost(&lane, at: now) }
        if lane.mode == .open {
            let room = min(limit, lane.room(limit: demand.perLane, at: now))
            let found = room > 0 ? try context.claim(room, of: lane, at: now, until: end) : []
            lane.inFlight += found.count
            claimed += found
        } else if drained < Self.drainLimit {
            drained += try context.drain(&lane, limit: Self.drainLimit - drained, at: now)
        }
        try context.reopen(lane, limit: demand.perLane, at: now)
    }
}

extension WriteContext {
    /// What was claimed by one who did not settle it in time waits again.
    fileprivate func releaseLost(_ lane: inout DeliveryLane, at now: Timestamp) throws {
        lane.inFlight -= try connection.execute(
            """
            UPDATE deliveries SET in_flight = 0 WHERE row IN (
                SELECT row FROM deliveries INDEXED BY deliveries_lane
                WHERE state = 0 AND lane = ? AND in_flight = 1 AND due_at <= ? LIMIT 1000)
            """, lane.number, now)
    }

    /// What is due first goes first. What is sent to an endpoint goes where the endpoint is now.
    fileprivate func claim(
        _ limit: Int, of lane: DeliveryLane, at now: Timestamp, until end: Timestamp
    ) throws -> [ClaimedDelivery] {
        let endpoint = try lane.endpoint.flatMap { try connection.endpoint($0) }
        let found = try connection.all(
            """
            SELECT d.row, d.id, d.attempt, d.round_start, t.name, d.job, d.data, d.url, d.event, d.created_at
            FROM deliveries d INDEXED BY deliveries_lane JOIN tenants t ON t.number = d.tenant
            WHERE d.state = 0 AND d.lane = ? AND d.in_flight = 0 AND d.due_at <= ? ORDER BY d.due_at, d.row LIMIT ?
            """, lane.number, now, limit
        ) { row in
            ClaimedDelivery(
                row: row.int64(0), id: row.text(1), attempt: row.int(2) + 1, roundStart: row.int(3),
                tenant: try TenantID(stored: row.text(4)), job: row.int64(5), data: row.optionalBytes(6),
                url: endpoint?.url ?? row.text(7), event: try WebhookEvent(stored: row.int(8)),
                createdAt: row.time(9), endpoint: endpoint, isProbe: lane.health.state(at: now) == .probing,
                isSuspect: lane.isSuspect)
        }
        for delivery in found {
            try connection.execute(
                "UPDATE deliveries SET attempt = ?, in_flight = 1, due_at = ?, url = ? WHERE row = ? AND state = 0",
                delivery.attempt, end, delivery.url, delivery.row)
        }
        return found
    }
}
