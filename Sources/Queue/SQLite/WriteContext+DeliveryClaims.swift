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

    /// - Parameter inlineLimit: bytes of a result that are read, at most.
    /// - Returns: nil if its job is gone.
    func complete(in connection: SQLiteConnection, inlineLimit: Int, by keys: PayloadKeys) throws -> Delivery? {
        let limit = endpoint?.payload == .thin ? -1 : inlineLimit
        guard let subject = try subject(in: connection, inlineLimit: limit, by: keys) else { return nil }
        return Delivery(
            id: id, attempt: attempt, roundAttempt: attempt - roundStart, url: url, tenant: tenant, endpoint: endpoint,
            event: event, createdAt: createdAt, subject: subject, isProbe: isProbe, isSuspect: isSuspect)
    }

    private func subject(
        in connection: SQLiteConnection, inlineLimit: Int, by keys: PayloadKeys
    ) throws -> DeliverySubject? {
        if let data { return .data(data) }
        guard let record = try connection.record(job, by: keys) else { return nil }
        guard !record.isErased else { return .job(record, nil) }
        return .job(record, try result(of: record.id, in: connection, inlineLimit: inlineLimit, by: keys))
    }

    /// nil also if it cannot be had: the event is true all the same, and whoever asks for the result is told why.
    private func result(
        of id: JobID, in connection: SQLiteConnection, inlineLimit: Int, by keys: PayloadKeys
    ) throws -> DeliveredResult? {
        do {
            return try connection.first(
                """
                SELECT status, headers, CASE WHEN length(body) <= ?1 + CASE sealed WHEN 1 THEN ?2 ELSE 0 END
                    THEN body END, sealed FROM ended WHERE job = ?3 LIMIT 1
                """, inlineLimit, SealedPayload.overhead, job
            ) { try connection.deliveredResult($0, of: id, by: keys) }
        } catch is JobStoreError {
            return nil
        }
    }
}

extension SQLiteConnection {
    /// Lanes that a claim has to look at: suspects first, for they may hold but a part of the places, and those that work
    /// would leave them nothing; of each kind the one served longest ago first.
    func openLanes(for demand: DeliveryDemand, at now: Timestamp) throws -> [Int64] {
        guard demand.limit > 0 else { return [] }
        var slots = demand.slots
        return try [true, false].flatMap { areSuspect in
            try openLanes(areSuspect: areSuspect, limit: demand.limit, &slots, at: now)
        }
    }

    /// Each is taken to need one place: tenants without room are left where they stand.
    private func openLanes(
        areSuspect: Bool, limit: Int, _ slots: inout DeliverySlots, at now: Timestamp
    ) throws -> [Int64] {
        var found: [Int64] = []
        var last = (openAt: Timestamp(microseconds: .min), number: Int64.min)
        while found.count < limit, slots.free > 0 {
            let page = try all(
                """
                SELECT number, open_at, tenant, mode FROM lanes INDEXED BY lanes_open
                WHERE suspect = ?1 AND open_at IS NOT NULL AND open_at <= ?2 AND (open_at, number) > (?3, ?4)
                    AND (mode <> 0 OR ?5 AND tenant NOT IN (SELECT value FROM json_each(?6)))
                ORDER BY open_at, number LIMIT ?7
                """, areSuspect, now, last.openAt, last.number, !areSuspect || slots.freeForSuspects > 0,
                slots.full(areSuspect: areSuspect).jsonArray, DeliveryRound.page
            ) { row in
                (number: row.int64(0), openAt: row.time(1), tenant: try TenantID(stored: row.text(2)), mode: row.int(3))
            }
            for lane in page where found.count < limit {
                if lane.mode == DeliveryLane.Mode.open.rawValue {
                    guard slots.room(for: lane.tenant, areSuspect: areSuspect) > 0 else { continue }
                    slots.take(1, for: lane.tenant, areSuspect: areSuspect)
                }
                found.append(lane.number)
            }
            guard page.count == DeliveryRound.page, let end = page.last else { break }
            last = (end.openAt, end.number)
        }
        return found
    }
}

extension [TenantID] {
    /// Their names need no escapes.
    fileprivate var jsonArray: String {
        "[" + map { "\"\($0)\"" }.joined(separator: ",") + "]"
    }
}

extension SQLiteConnection {
    /// Reads `status, headers, body, sealed` of `ended`; the body is null if it is not wanted.
    fileprivate func deliveredResult(
        _ row: SQLiteRow, of id: JobID, by keys: PayloadKeys
    ) throws -> DeliveredResult {
        let headers = try [HeaderField](stored: row.bytes(1))
        let form = try PayloadForm(stored: row.int(3))
        let body = try row.optionalBytes(2).map {
            try open($0, form, as: PayloadPlace(.result, of: id.text), by: keys)
        }
        return DeliveredResult(status: row.int(0), requestID: headers.first("request-id"), body: body)
    }
}

/// One claim of deliveries: lanes take turns.
struct DeliveryRound {
    /// Lanes that are read at once.
    static let page = 256
    /// What one claim ends or deletes of lanes that are given up, at most.
    private static let drainLimit = 1000

    let demand: DeliveryDemand
    let now: Timestamp
    let end: Timestamp
    let context: WriteContext
    private var slots: DeliverySlots
    private var drained = 0
    private(set) var claimed: [ClaimedDelivery] = []

    init(_ demand: DeliveryDemand, at now: Timestamp, until end: Timestamp, in context: WriteContext) {
        self.demand = demand
        self.now = now
        self.end = end
        self.context = context
        slots = demand.slots
    }

    mutating func run(_ lanes: [Int64]) throws {
        for number in lanes where claimed.count < demand.limit {
            guard let lane = try context.lane(number), lane.openAt.map({ $0 <= now }) ?? false else { continue }
            try serve(lane)
        }
        if drained > 0 { context.note(.deliveries) }  // there may be more
    }

    private mutating func serve(_ lane: DeliveryLane) throws {
        var lane = lane
        let places = min(slots.room(for: lane.tenant, areSuspect: lane.isSuspect), demand.limit - claimed.count)
        guard lane.mode != .open || places > 0 else { return }  // its turn has not come, and is not lost
        if lane.inFlight > 0 { try context.releaseLost(&lane, at: now) }
        if lane.mode == .open {
            let room = min(places, lane.room(limit: demand.perLane, at: now))
            let found = room > 0 ? try context.claim(room, of: lane, at: now, until: end) : []
            lane.inFlight += found.count
            slots.take(found.count, for: lane.tenant, areSuspect: lane.isSuspect)
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
            SELECT row, id, attempt, round_start, job, data, url, event, created_at
            FROM deliveries INDEXED BY deliveries_lane
            WHERE state = 0 AND lane = ? AND in_flight = 0 AND due_at <= ? ORDER BY due_at, row LIMIT ?
            """, lane.number, now, limit
        ) { row in
            ClaimedDelivery(
                row: row.int64(0), id: row.text(1), attempt: row.int(2) + 1, roundStart: row.int(3),
                tenant: lane.tenant, job: row.int64(4), data: row.optionalBytes(5),
                url: endpoint?.url ?? row.text(6), event: try WebhookEvent(stored: row.int(7)),
                createdAt: row.time(8), endpoint: endpoint, isProbe: lane.health.state(at: now) == .probing,
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
