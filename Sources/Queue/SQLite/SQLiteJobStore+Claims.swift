package import Domain

extension SQLiteJobStore {
    package func claim(
        limit: Int, bytes: Int, of models: ModelClass?, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim] {
        guard limit > 0 else { return [] }
        let claim = OpenClaim(
            limit: min(limit, 1000), bytes: bytes, worker: worker, now: now, end: now.advanced(by: duration))
        return try await sealing { () async throws(JobStoreError) in try await fill(claim, of: models) }
    }

    private func fill(_ claim: OpenClaim, of models: ModelClass?) async throws(JobStoreError) -> [Claim] {
        let (worker, keys) = (claim.worker, payloadKeys)
        let (taken, claims) = try await writer.perform { context in
            var claim = claim
            try context.fill(&claim, of: models)
            return claim
        } afterwards: { connection, claim -> ([TakenJob], [Claim]?) in
            let taken = claim.taken
            if taken.isEmpty, let closed = claim.closed { throw closed }
            guard taken.reduce(0, { $0 + $1.bytes }) <= Self.bytesReadAtOnce else { return (taken, nil) }
            return (taken, try connection.claims(of: taken, by: worker, keys))
        }
        if let claims { return claims }
        return try await read { try $0.claims(of: taken, by: worker, keys) }
    }

    /// Bodies of more than this are read beside the writer, which everybody waits for (what a job was submitted with
    /// never changes); less is not worth the changes of thread.
    private static let bytesReadAtOnce = 64 << 10

    package func dueClasses(at now: Timestamp) async throws(JobStoreError) -> [ModelClass] {
        try await probe { connection in
            let tenants = try connection.all(
                """
                SELECT * FROM (SELECT number FROM tenants INDEXED BY tenants_ready
                    WHERE ready = 1 AND (max_running IS NULL OR running < max_running) LIMIT ?1)
                UNION ALL
                SELECT * FROM (SELECT number FROM tenants INDEXED BY tenants_asleep
                    WHERE ready = 0 AND wake_at IS NOT NULL AND wake_at <= ?2
                        AND (max_running IS NULL OR running < max_running) LIMIT ?1)
                """, ClaimRound.entrantLimit, now
            ) { $0.int64(0) }
            guard !tenants.isEmpty else { return [] }
            let classes = try connection.all(
                "SELECT number, name FROM model_classes WHERE queued > 0 ORDER BY number LIMIT ?", Schema.classLimit
            ) { row in ModelClass(named: row.text(1)).map { (number: row.int64(0), models: $0) } }.compactMap { $0 }
            // With more tenants than are looked into, a claim will tell.
            guard tenants.count < ClaimRound.entrantLimit else { return classes.map(\.models) }
            return try classes.filter { models in
                try tenants.contains { try connection.hasDueJobs(of: $0, models.number, at: now) }
            }.map(\.models)
        }
    }

    package func renew(
        _ leases: [Lease], at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [LeaseRenewal] {
        guard !leases.isEmpty else { return [] }
        return try await writer.perform(isVital: true) { context in
            try leases.map { try context.renew($0, until: now.advanced(by: duration)) }
        }
    }
}

extension SQLiteConnection {
    fileprivate func hasDueJobs(of tenant: Int64, _ models: Int64, at now: Timestamp) throws -> Bool {
        try Priority.range.contains { priority in
            try first(
                """
                SELECT 1 FROM queued INDEXED BY queued_due
                WHERE tenant = ? AND class = ? AND priority = ? AND run_at <= ? LIMIT 1
                """, tenant, models, priority, now
            ) { _ in true } ?? false
        }
    }

    /// A job that cannot be read stays claimed, and ends when it has been reaped often enough.
    fileprivate func claims(of taken: [TakenJob], by worker: String, _ keys: PayloadKeys) throws -> [Claim] {
        try taken.compactMap { job in
            do {
                return try claim(of: job, by: worker, keys)
            } catch let error as SQLiteFailure where error.isDamage {
                return nil
            } catch is DamagedValue {
                return nil
            } catch is JobStoreError {
                return nil  // the keyring was changed since the claim, when its data key opened
            }
        }
    }

    private func claim(of taken: TakenJob, by worker: String, _ keys: PayloadKeys) throws -> Claim? {
        try first(
            """
            SELECT j.id, t.name, j.model, j.created_at, j.deadline, j.headers, j.body, j.sealed
            FROM jobs j JOIN tenants t ON t.number = j.tenant WHERE j.row = ? LIMIT 1
            """, taken.row
        ) { row in
            let id = try JobID(stored: row.text(0))
            var request: (body: [UInt8], digest: BodyDigest?, headers: [HeaderField]) = ([], nil, [])
            var damage: RelayError?
            do {
                request = try openRequest(
                    row.bytes(6), headers: row.bytes(5), PayloadForm(stored: row.int(7)), of: id, by: keys)
            } catch JobStoreError.unreadable(let error) where error == .payloadUnreadable(.init(.request, of: id.text))
            {
                damage = error
            } catch JobStoreError.erased {
                damage = .payloadErased
            }
            return Claim(
                lease: Lease(job: id, row: taken.row, attempt: taken.attempt, worker: worker),
                tenant: try TenantID(stored: row.text(1)), body: request.body, digest: request.digest,
                headers: request.headers, model: row.text(2), createdAt: row.time(3),
                deadline: row.optionalTime(4), firstClaimedAt: taken.firstClaimedAt, chargedAttempts: taken.charged,
                damage: damage)
        }
    }
}

extension WriteContext {
    private static let virtualTime = "share.virtual_time"

    /// How often a claim looks for further tenants because none of those it has met is for this process.
    private static let roundsOfClaim = 16

    fileprivate func fill(_ claim: inout OpenClaim, of models: ModelClass?) throws {
        let models = try models.map { try number(ofClass: $0.name) ?? -1 }
        for _ in 0..<Self.roundsOfClaim {
            guard try takeRound(into: &claim, of: models) else { return }
        }
    }

    /// - Returns: whether tenants were met whose data keys do not open here, so that those behind them are still to be seen.
    private func takeRound(into claim: inout OpenClaim, of models: Int64?) throws -> Bool {
        try flush()
        let now = claim.now
        let passedOver = payloadKeys.passedOver(of: models, at: now)
        claim.closed = claim.closed ?? passedOver?.error
        var round = try beginRound(
            limit: claim.limit - claim.taken.count, of: models, without: passedOver?.list, at: now)
        let before = round
        var ahead = [[OpenJob]](repeating: [], count: round.entrants.count)  // read, in reverse
        var (isFull, hasClosed) = (false, false)
        while !isFull, let index = round.next {
            if ahead[index].isEmpty {
                ahead[index] = try dueJobs(
                    of: round.entrants[index].tenant, models, limit: round.share(of: index), at: now
                ).reversed()
            }
            guard let job = ahead[index].popLast() else {
                round.ranDry(index)
                try sleep(round.entrants[index].tenant, ranDryOf: models, at: now)
                continue
            }
            let isErased = try isErased(job)
            if isErased || job.deadline.map({ $0 <= now }) ?? false {
                // Ended as it is met: looking past those that the reaper has not come to yet could take for ever.
                isFull = claim.dropped >= claim.limit
                guard !isFull else { break }
                try drop(job, as: isErased ? .canceled : .expired, at: now)
                claim.dropped += 1
            } else if let failure = try keyFailure(of: job) {
                // Left as it is, for those who can open it; its tenant stays awake.
                claim.closed = failure
                payloadKeys.passOver(job.tenant, of: models, because: failure, at: now)
                hasClosed = true
                round.ranDry(index)
            } else {
                isFull = !claim.hasRoom(for: job)
                guard !isFull else { break }
                claim.took(try start(job, by: claim.worker, at: now, until: claim.end))
                round.took(index)
            }
        }
        try record(round, since: before)
        return hasClosed && !isFull && claim.taken.count < claim.limit
    }

    /// Wakes the tenants that have become due, and lets in those who are served least.
    /// - Parameters:
    ///   - models: only those with a due job of this class; nil for all.
    ///   - passedOver: not these, as a list in JSON; nil for none.
    private func beginRound(
        limit: Int, of models: Int64?, without passedOver: String?, at now: Timestamp
    ) throws -> ClaimRound {
        let virtualTime =
            try connection.first("SELECT count FROM counters WHERE name = ? LIMIT 1", Self.virtualTime) { $0.int64(0) }
            ?? 0
        try connection.execute(
            """
            UPDATE tenants SET ready = 1, wake_at = NULL, pass = max(pass, ?) WHERE number IN (
                SELECT number FROM tenants INDEXED BY tenants_asleep
                WHERE ready = 0 AND wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at, number LIMIT 1000)
            """, virtualTime, now)
        let entrants = try connection.all(
            """
            SELECT number, pass, weight, max_running - running FROM tenants INDEXED BY tenants_ready
            WHERE ready = 1 AND (max_running IS NULL OR running < max_running)
                AND (?4 IS NULL OR number NOT IN (SELECT value FROM json_each(?4))) AND (?1 IS NULL OR EXISTS (
                SELECT 1 FROM queued INDEXED BY queued_due WHERE tenant = tenants.number AND class = ?1
                    AND priority IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) AND run_at <= ?2))
            ORDER BY pass, number LIMIT ?3
            """, models, now, ClaimRound.entrantLimit, passedOver
        ) {
            ClaimRound.Entrant(tenant: $0.int64(0), pass: $0.int64(1), weight: $0.int(2), room: $0.optionalInt(3))
        }
        return ClaimRound(entrants, virtualTime: virtualTime, limit: limit)
    }

    /// In their order.
    /// - Parameter models: only of this class; nil for all.
    private func dueJobs(of tenant: Int64, _ models: Int64?, limit: Int, at now: Timestamp) throws -> [OpenJob] {
        if let models { return try dueJobs(of: tenant, of: models, limit: limit, at: now) }
        let classes = try connection.classes(of: tenant)
        let found = try classes.flatMap { try dueJobs(of: tenant, of: $0, limit: limit, at: now) }
        guard classes.count > 1 else { return found }
        let sorted = found.sorted { ($1.priority, $0.runAt, $0.row) < ($0.priority, $1.runAt, $1.row) }
        return Array(sorted.prefix(limit))
    }

    private func dueJobs(of tenant: Int64, of models: Int64, limit: Int, at now: Timestamp) throws -> [OpenJob] {
        var found: [OpenJob] = []
        for priority in Priority.range.reversed() where found.count < limit {
            found += try connection.all(
                """
                SELECT job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes, has_webhook,
                    class
                FROM queued INDEXED BY queued_due
                WHERE tenant = ? AND class = ? AND priority = ? AND run_at <= ? ORDER BY run_at, job LIMIT ?
                """, tenant, models, priority, now, limit - found.count, read: OpenJob.init(queued:))
        }
        return found
    }

    private func drop(_ job: OpenJob, as state: JobState, at now: Timestamp) throws {
        guard let job = try takeQueued(job.row) else {
            throw DamagedValue(description: "damaged file: job \(job.row) is in an index only")
        }
        let reason: RelayError = state == .canceled ? .jobCanceled : .jobDeadlinePassed
        try end(job, from: .queued, as: state, because: reason, at: now)
    }

    private func start(
        _ job: OpenJob, by worker: String, at now: Timestamp, until end: Timestamp
    ) throws -> TakenJob {
        guard try connection.execute("DELETE FROM queued WHERE job = ?", job.row) == 1 else {
            throw DamagedValue(description: "damaged file: job \(job.row) is in an index only")
        }
        countQueued(job.models, by: -1)
        let taken = TakenJob(
            row: job.row, attempt: job.attempt + 1, charged: job.charged, firstClaimedAt: job.firstClaimedAt ?? now,
            bytes: job.bytes)
        try connection.execute(
            """
            INSERT INTO running (job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes,
                has_webhook, claimed_at, lease_until, cancel_requested, worker, class)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
            """,
            job.row, job.tenant, job.priority, job.runAt, taken.attempt, job.charged, taken.firstClaimedAt,
            job.deadline, job.bytes, job.hasWebhook, now, end, worker, job.models)
        countJob(of: job.tenant, from: .queued, to: .running)
        return taken
    }

    /// Takes a tenant without a due job out of the rounds until its next one is due.
    /// - Parameter models: of which class it has none; nil for any.
    private func sleep(_ tenant: Int64, ranDryOf models: Int64?, at now: Timestamp) throws {
        let next = try connection.earliestDue(of: tenant)
        if models != nil, let next, next <= now { return }  // of another class
        // One that is due and yet not taken is past its deadline: the reaper's, within the second.
        let wakeAt = next.map { max($0, now.advanced(by: $0 <= now ? .seconds(1) : .zero)) }
        try connection.execute("UPDATE tenants SET ready = 0, wake_at = ? WHERE number = ?", wakeAt, tenant)
    }

    private func record(_ round: ClaimRound, since before: ClaimRound) throws {
        for (entrant, old) in zip(round.entrants, before.entrants) where entrant.pass != old.pass {
            try connection.execute("UPDATE tenants SET pass = ? WHERE number = ?", entrant.pass, entrant.tenant)
        }
        guard round.virtualTime != before.virtualTime else { return }
        try connection.execute(
            "INSERT OR REPLACE INTO counters (name, count) VALUES (?, ?)", Self.virtualTime, round.virtualTime)
    }

    fileprivate func renew(_ lease: Lease, until end: Timestamp) throws -> LeaseRenewal {
        let isCancelRequested = try connection.first(
            "UPDATE running SET lease_until = ? WHERE job = ? AND attempt = ? RETURNING cancel_requested",
            end, lease.row, lease.attempt
        ) { $0.bool(0) }
        return isCancelRequested.map { $0 ? .cancelRequested : .renewed } ?? .lost
    }
}
