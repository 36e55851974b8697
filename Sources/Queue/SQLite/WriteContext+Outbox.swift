import Domain

/// An event for one receiver, about to be posted.
struct Posting {
    let event: WebhookEvent
    /// By number.
    let tenant: Int64
    /// By row; 0 if it is of none.
    var job: Int64 = 0
    /// What it tells if it is of no job.
    var data: [UInt8]?
    let endpoint: String?
    let url: String
    /// By name.
    let lane: String
}

extension WriteContext {
    /// Writes one outbox row for each receiver of a job's end: the tenant's endpoints that listen to the event or are
    /// named by the job, and the URL that the job names.
    func announce(_ job: OpenJob, endedAs state: JobState, at now: Timestamp) throws {
        guard let event = WebhookEvent(endedAs: state) else { return }
        let target = job.hasWebhook ? try webhook(of: job.row) : nil
        for (id, url, events) in try receivers(of: job.tenant)
        where events & event.code != 0 || target == .endpoint(id) {
            try post(
                Posting(event: event, tenant: job.tenant, job: job.row, endpoint: id, url: url, lane: id), at: now)
        }
        guard case .url(let url) = target else { return }
        let lane = try originLane(of: try name(of: job.tenant).text, url: url)
        try post(Posting(event: event, tenant: job.tenant, job: job.row, endpoint: nil, url: url, lane: lane), at: now)
    }

    /// Writes one outbox row for each of the tenant's endpoints that listen to an event that is of no job.
    func announce(
        _ event: WebhookEvent, _ data: [UInt8], to tenant: Int64, except: String? = nil, at now: Timestamp
    ) throws {
        for (id, url, events) in try receivers(of: tenant) where events & event.code != 0 && id != except {
            try post(Posting(event: event, tenant: tenant, data: data, endpoint: id, url: url, lane: id), at: now)
        }
    }

    /// - Returns: the delivery's id.
    @discardableResult
    func post(_ posting: Posting, at now: Timestamp) throws -> String {
        let id = makeDeliveryID()
        try connection.execute(
            """
            INSERT INTO deliveries (id, job, endpoint, url, event, created_at, due_at, tenant, lane, data)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            id, posting.job, posting.endpoint, posting.url, posting.event.code, now, now, posting.tenant,
            try fill(posting.lane, of: posting.endpoint, posting.tenant, at: now), posting.data)
        countDeliveries(.pending, by: 1)
        note(.deliveries)
        return id
    }

    /// Counts one more delivery into a lane, which is made if there is none; as `DeliveryLane.post(at:)` does.
    /// - Returns: the lane's number.
    func fill(_ lane: String, of endpoint: String?, _ tenant: Int64, at now: Timestamp) throws -> Int64? {
        try connection.first(
            """
            INSERT INTO lanes (name, endpoint, tenant, suspect, pending, open_at)
                VALUES (?1, ?2, (SELECT name FROM tenants WHERE number = ?4), 1, 1, ?3)
            ON CONFLICT (name) DO UPDATE SET pending = pending + 1, open_at = CASE
                WHEN mode = 1 OR in_flight >= CASE WHEN tripped_until IS NULL THEN window ELSE 1 END THEN open_at
                ELSE min(coalesce(open_at, 9223372036854775807),
                    max(?3, coalesce(tripped_until, ?3), coalesce(waits_until, ?3))) END
            RETURNING number
            """, lane, endpoint, now, tenant
        ) { $0.int64(0) }
    }

    /// The lane of what a tenant's jobs send to an origin: its own, or one that it shares once there are too many.
    func originLane(of tenant: String, url: String) throws -> String {
        let name = DeliveryLane.name(of: tenant, url: url)
        guard try connection.first("SELECT 1 FROM lanes WHERE name = ? LIMIT 1", name, read: { _ in true }) == nil
        else {
            return name
        }
        let count = try connection.first(
            """
            SELECT count(*) FROM (SELECT 1 FROM lanes INDEXED BY lanes_origins WHERE endpoint IS NULL AND tenant = ?
                LIMIT ?)
            """, tenant, DeliveryLane.ownLanes
        ) { $0.int(0) }
        return (count ?? 0) < DeliveryLane.ownLanes ? name : DeliveryLane.sharedName(of: tenant, instead: name)
    }

    /// Deletes the deliveries of a job that is deleted, with their logs.
    func deleteDeliveries(ofJob row: Int64) throws {
        let deleted = try connection.all(
            "DELETE FROM deliveries WHERE job = ? RETURNING row, state, lane, in_flight", row
        ) { (row: $0.int64(0), state: try DeliveryState(stored: $0.int(1)), lane: $0.int64(2), inFlight: $0.int(3)) }
        for delivery in deleted {
            try connection.execute("DELETE FROM delivery_attempts WHERE delivery = ?", delivery.row)
            countDeliveries(delivery.state, by: -1)
            guard delivery.state == .pending, var lane = try lane(delivery.lane) else { continue }
            lane.pending -= 1
            lane.inFlight -= delivery.inFlight
            if lane.mode != .paused { lane.openAt = Timestamp(microseconds: 0) }  // the next claim looks
            try write(lane)
        }
    }

    private func receivers(of tenant: Int64) throws -> [(id: String, url: String, events: Int)] {
        try connection.all(
            """
            SELECT e.id, e.url, e.events FROM tenants t JOIN endpoints e ON e.tenant = t.name
            WHERE t.number = ? ORDER BY e.row
            """, tenant
        ) { ($0.text(0), $0.text(1), $0.int(2)) }
    }

    private func webhook(of job: Int64) throws -> WebhookTarget? {
        try connection.first("SELECT webhook FROM jobs WHERE row = ? LIMIT 1", job) { $0.optionalText(0) }?
            .map(WebhookTarget.init(text:))
    }
}
