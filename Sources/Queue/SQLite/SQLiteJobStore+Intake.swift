package import Domain

extension SQLiteJobStore {
    package func submit(_ jobs: [NewJob]) async throws(JobStoreError) -> [SubmitOutcome] {
        guard !jobs.isEmpty else { return [] }
        let limit = configuration.maxDepth
        let bytes = jobs.reduce(0) { $0 + $1.bytes }
        return try await sealing { () async throws(JobStoreError) in
            try await writer.perform(bytes: bytes) { try $0.submit(jobs, limit: limit) }
        }
    }

    package func replay(
        _ replays: [Replay], of tenant: TenantID?, pricedBy prices: PriceList, at now: Timestamp
    ) async throws(JobStoreError) -> [ReplayOutcome] {
        guard !replays.isEmpty else { return [] }
        let limit = configuration.maxDepth
        return try await sealing { () async throws(JobStoreError) in
            try await writer.perform { try $0.replay(replays, of: tenant, limit: limit, pricedBy: prices, at: now) }
        }
    }
}

extension WriteContext {
    /// - Throws: `.full` if the queue has no room for `count` more jobs.
    func reserve(_ count: Int, limit: Int) throws {
        let depth = try depth()
        guard count == 0 || depth + count <= limit else { throw JobStoreError.full(depth: depth, limit: limit) }
    }

    fileprivate func submit(_ jobs: [NewJob], limit: Int) throws -> [SubmitOutcome] {
        var admission = JobAdmission()
        let outcomes = try judge(jobs, &admission)
        let accepted = zip(jobs, outcomes).filter { $1 == .accepted($0.id) }.map(\.0)
        try reserve(accepted.count, limit: limit)
        adopt(admission)
        for (job, reservation) in zip(accepted, admission.reservations) { try insert(job, under: reservation) }
        return outcomes
    }

    /// What becomes of each job, later ones seeing earlier ones. Reads only.
    private func judge(_ jobs: [NewJob], _ admission: inout JobAdmission) throws -> [SubmitOutcome] {
        var used: [KeyInUse: (fingerprint: [UInt8], job: JobID)] = [:]
        return try jobs.map { job in
            if let key = job.idempotency {
                let inUse = KeyInUse(tenant: job.tenant, key: key.key)
                if let (fingerprint, id) = try used[inUse] ?? storedUse(of: inUse, at: job.createdAt) {
                    let isSame = try isFingerprint(fingerprint, of: key.fingerprint, by: number(of: job.tenant.text))
                    return isSame ? .existing(id) : .idempotencyConflict(id)
                }
                let outcome = try admit(job, &admission)
                if outcome == .accepted(job.id) { used[inUse] = (key.fingerprint, job.id) }
                return outcome
            }
            return try admit(job, &admission)
        }
    }

    private func admit(_ job: NewJob, _ admission: inout JobAdmission) throws -> SubmitOutcome {
        guard try hasEndpoint(of: job) else { return .unknownEndpoint(job.webhook?.text ?? "") }
        let tenant = try number(of: job.tenant.text)
        let refusal = try admission.admit(job.demand, of: tenant, in: self, at: job.createdAt)
        return refusal.map(SubmitOutcome.refused) ?? .accepted(job.id)
    }

    private func insert(_ job: NewJob, under reservation: Reservation?) throws {
        let tenant = try numberMakingTenant(job.tenant.text)
        let request = try StoredRequest(
            job.body, job.digest, headers: job.headers, metadata: job.metadata, of: job.id,
            under: payloadKey(of: tenant))
        try connection.execute(
            """
            INSERT INTO jobs (id, tenant, created_at, priority, deadline, model, webhook, metadata, headers, body, sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            job.id.text, tenant, job.createdAt, job.priority.value, job.deadline, job.model, job.webhook?.text,
            request.metadata, request.headers, request.body, request.form.rawValue)
        let row = connection.lastInsertedRow
        let open = OpenJob(
            row: row, tenant: tenant, models: try classNumber(of: job.model), priority: job.priority.value,
            runAt: job.runAt, deadline: job.deadline, bytes: job.body.count, hasWebhook: job.webhook != nil)
        try enqueue(open, from: nil, at: job.runAt, charged: 0)
        if let reservation { try hold(reservation, for: row, of: tenant) }
        if let key = job.idempotency {
            try connection.execute(
                "INSERT OR REPLACE INTO idempotency (tenant, key, fingerprint, job, expires_at) VALUES (?, ?, ?, ?, ?)",
                tenant, key.key, storedFingerprint(key.fingerprint, of: tenant), row, key.expiresAt)
        }
    }

    private func storedUse(of use: KeyInUse, at now: Timestamp) throws -> (fingerprint: [UInt8], job: JobID)? {
        guard let tenant = try number(of: use.tenant.text) else { return nil }
        let erased = try erasure(of: tenant)?.jobs ?? 0
        return try connection.first(  // a key whose job retention has deleted, or an erasure emptied, is free again
            """
            SELECT i.fingerprint, j.id FROM idempotency i JOIN jobs j ON j.row = i.job
            WHERE i.tenant = ? AND i.key = ? AND i.expires_at > ? AND i.job > ? LIMIT 1
            """, tenant, use.key, now, erased
        ) { ($0.bytes(0), try JobID(stored: $0.text(1))) }
    }

    private func hasEndpoint(of job: NewJob) throws -> Bool {
        guard case .endpoint(let id) = job.webhook else { return true }
        return try connection.first(
            "SELECT 1 FROM endpoints WHERE id = ? AND tenant = ? LIMIT 1", id, job.tenant.text
        ) { _ in true } ?? false
    }

    // MARK: Replays

    /// Decides before anything is written, so that a refusal costs the neighbours nothing.
    fileprivate func replay(
        _ replays: [Replay], of tenant: TenantID?, limit: Int, pricedBy prices: PriceList, at now: Timestamp
    ) throws -> [ReplayOutcome] {
        var seen: [JobID: JobID] = [:]
        var admission = JobAdmission()
        let plan = try replays.map {
            try self.plan($0, of: tenant, seen: &seen, &admission, pricedBy: prices, at: now)
        }
        let accepted = zip(replays, plan).filter { $1.source != nil }
        try reserve(accepted.count, limit: limit)
        adopt(admission)
        for ((replay, step), reservation) in zip(accepted, admission.reservations) {
            guard let source = step.source else { continue }
            try repeatJob(source, as: replay.newID, under: reservation, at: now)
            try audit(.jobReplayed, replay.job.text, "as \(replay.newID)")
        }
        return plan.map(\.outcome)
    }

    private func plan(
        _ replay: Replay, of tenant: TenantID?, seen: inout [JobID: JobID], _ admission: inout JobAdmission,
        pricedBy prices: PriceList, at now: Timestamp
    ) throws -> (source: Int64?, outcome: ReplayOutcome) {
        if let first = seen[replay.job] { return (nil, .existing(first)) }
        let found = try connection.first(
            "SELECT row, tenant_name, state, replayed_as, is_erased FROM job_records WHERE id = ? LIMIT 1",
            replay.job.text
        ) {
            (
                $0.int64(0), $0.text(1), try JobState(stored: $0.int(2)),
                try $0.optionalText(3).map(JobID.init(stored:)), $0.bool(4)
            )
        }
        guard let (row, owner, state, replayedAs, isErased) = found, tenant.map({ $0.text == owner }) ?? true else {
            return (nil, .unknown)
        }
        if isErased { return (nil, .erased) }
        if let replayedAs { return (nil, .existing(replayedAs)) }
        guard state.isTerminal, state != .succeeded else { return (nil, .refused(state)) }
        let number = try number(of: owner)
        let limits = try number.flatMap { try self.limits(of: $0)?.limits } ?? .none
        if let refusal = try refusal(ofReplaying: row, under: limits) { return (nil, .overLimit(refusal)) }
        let demand = try demand(ofReplaying: row, under: limits, pricedBy: prices)
        if let refusal = try admission.admit(demand, of: number, in: self, at: now) {
            return (nil, .overLimit(refusal))
        }
        seen[replay.job] = replay.newID
        return (row, .replayed(replay.newID))
    }

    private func refusal(ofReplaying job: Int64, under limits: TenantLimits) throws -> AdmissionRefusal? {
        guard limits.models != nil || limits.bodyBytes != nil else { return nil }
        let found = try connection.first("SELECT model, length(body), sealed FROM jobs WHERE row = ? LIMIT 1", job) {
            let overhead = try PayloadForm(stored: $0.int(2)) == .sealed ? StoredRequest.overhead : 0
            return (model: $0.text(0), bytes: $0.int(1) - overhead)
        }
        return found.flatMap { limits.refusal(ofModel: $0.model, bytes: $0.bytes) }
    }

    /// Counted from the body: the tenant may have had no budget when the job came in. Not less than what was reserved then.
    private func demand(
        ofReplaying job: Int64, under limits: TenantLimits, pricedBy prices: PriceList
    ) throws -> BudgetAmount? {
        guard !limits.budget.isNone, let old = try connection.repeatable(job, by: payloadKeys) else { return nil }
        let before = try connection.first(
            "SELECT made_at, tokens, money FROM reservations WHERE job = ? LIMIT 1", job,
            read: Reservation.init(stored:))
        return prices.demand(of: old.model, old.body).most(before?.amount ?? .nothing)
    }

    private func repeatJob(
        _ row: Int64, as id: JobID, under reservation: Reservation?, at now: Timestamp
    ) throws {
        guard let old = try connection.repeatable(row, by: payloadKeys) else {
            throw DamagedValue(description: "no job \(row)")
        }
        let request = try StoredRequest(
            old.body, old.digest, headers: old.headers, metadata: old.metadata, of: id,
            under: payloadKey(of: old.tenant, copied: old.form))
        try connection.execute(
            """
            INSERT INTO jobs (id, tenant, created_at, priority, model, webhook, replay_of, metadata, headers, body, sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, id.text, old.tenant, now, old.priority, old.model, old.webhook, row, request.metadata, request.headers,
            request.body, request.form.rawValue)
        let new = connection.lastInsertedRow
        let open = OpenJob(
            row: new, tenant: old.tenant, models: try classNumber(of: old.model), priority: old.priority, runAt: now,
            deadline: nil, bytes: old.body.count, hasWebhook: old.webhook != nil)
        try enqueue(open, from: nil, at: now, charged: 0)
        if let reservation { try hold(reservation, for: new, of: old.tenant) }
    }
}

/// What of a job its replay takes over.
private struct RepeatableJob {
    let tenant: Int64
    let priority: Int
    let model: String
    let webhook: String?
    let metadata: [UInt8]?
    let headers: [HeaderField]
    let body: [UInt8]
    let digest: BodyDigest
    let form: PayloadForm
}

extension SQLiteConnection {
    /// The row is bound to its job's id if it is sealed: it is opened, to be sealed for another.
    fileprivate func repeatable(_ row: Int64, by keys: PayloadKeys) throws -> RepeatableJob? {
        try first(
            """
            SELECT id, tenant, priority, model, webhook, metadata, headers, body, sealed FROM jobs WHERE row = ? LIMIT 1
            """, row
        ) { row in
            let (id, form) = (try JobID(stored: row.text(0)), try PayloadForm(stored: row.int(8)))
            let request = try openRequest(row.bytes(7), headers: row.bytes(6), form, of: id, by: keys)
            let metadata = try row.optionalBytes(5).map {
                try open($0, form, as: PayloadPlace(.metadata, of: id.text), by: keys)
            }
            return RepeatableJob(
                tenant: row.int64(1), priority: row.int(2), model: row.text(3), webhook: row.optionalText(4),
                metadata: metadata, headers: request.headers, body: request.body,
                digest: request.digest ?? BodyDigest(request.body), form: form)
        }
    }
}

private struct KeyInUse: Hashable {
    let tenant: TenantID
    let key: String
}
