import Domain

/// The whole state of a ``MemoryJobStore`` and its transitions: the ``JobStore`` contract as a plain value.
struct MemoryModel: Sendable {
    struct Job: Sendable {
        let new: NewJob
        let row: Int64
        var state: JobState = .queued
        var runAt: Timestamp
        var attempts = 0
        var lease: (worker: String, until: Timestamp, claimedAt: Timestamp)?
        var firstClaimedAt: Timestamp?
        var isCancelRequested = false
        var ended: (at: Timestamp, result: JobResult)?
        var journal: [AttemptRecord] = []

        init(_ new: NewJob, row: Int64) {
            self.new = new
            self.row = row
            self.runAt = new.runAt
        }

        var record: JobRecord {
            JobRecord(
                id: new.id, tenant: new.tenant, state: state, model: new.model, priority: new.priority,
                attempts: attempts, createdAt: new.createdAt, runAt: runAt, deadline: new.deadline,
                endedAt: ended?.at, resultStatus: ended?.result.status, metadata: new.metadata,
                isCancelRequested: isCancelRequested)
        }

        func isDue(at now: Timestamp) -> Bool {
            state == .queued && runAt <= now && (new.deadline.map { $0 > now } ?? true)
        }

        func isVisible(to tenant: TenantID?) -> Bool {
            tenant == nil || tenant == new.tenant
        }
    }

    struct Outgoing: Sendable {
        let id: String
        let job: JobID
        let url: String
        let endpoint: String?
        let event: WebhookEvent
        let createdAt: Timestamp
        var state: DeliveryState = .pending
        var attempt = 0
        var isInFlight = false
        var dueAt: Timestamp
    }

    struct KeyInUse: Hashable, Sendable {
        let tenant: TenantID
        let key: String
    }

    /// In the order of submission; `row` is the index + 1.
    var jobs: [Job] = []
    var rows: [JobID: Int] = [:]
    var usedKeys: [KeyInUse: (key: IdempotencyKey, job: JobID)] = [:]
    /// In the order of registration.
    var endpoints: [WebhookEndpoint] = []
    /// In the order of creation.
    var deliveries: [Outgoing] = []
    var keys: [String: StoredKey] = [:]
    /// What the transitions since the last look have touched.
    var topics: Set<ChangeTopic> = []
    var random: any RandomNumberGenerator & Sendable

    init(random: any RandomNumberGenerator & Sendable) {
        self.random = random
    }

    // MARK: Intake

    mutating func submit(_ batch: [NewJob], maxDepth: Int) throws(JobStoreError) -> [SubmitOutcome] {
        var used = usedKeys
        let outcomes = batch.map { judge($0, &used) }
        let accepted = zip(batch, outcomes).filter { $1 == .accepted($0.id) }.map(\.0)
        let depth = jobs.count { !$0.state.isTerminal }
        guard accepted.isEmpty || depth + accepted.count <= maxDepth else {
            throw .full(depth: depth, limit: maxDepth)
        }
        usedKeys = used
        for job in accepted {
            rows[job.id] = jobs.count
            jobs.append(Job(job, row: Int64(jobs.count + 1)))
            topics.insert(.jobs)
        }
        return outcomes
    }

    private func judge(
        _ job: NewJob, _ used: inout [KeyInUse: (key: IdempotencyKey, job: JobID)]
    ) -> SubmitOutcome {
        if let key = job.idempotency,
            let first = used[KeyInUse(tenant: job.tenant, key: key.key)], first.key.expiresAt > job.createdAt
        {
            return first.key.fingerprint == key.fingerprint ? .existing(first.job) : .idempotencyConflict(first.job)
        }
        if case .endpoint(let id) = job.webhook, !endpoints.contains(where: { $0.id == id && $0.tenant == job.tenant })
        {
            return .unknownEndpoint(id)
        }
        if let key = job.idempotency { used[KeyInUse(tenant: job.tenant, key: key.key)] = (key, job.id) }
        return .accepted(job.id)
    }

    // MARK: Work

    mutating func claim(limit: Int, by worker: String, at now: Timestamp, until end: Timestamp) -> [Claim] {
        let due = jobs.indices.filter { jobs[$0].isDue(at: now) }
        let order = due.sorted { left, right in
            (-jobs[left].new.priority.value, jobs[left].runAt, jobs[left].row)
                < (-jobs[right].new.priority.value, jobs[right].runAt, jobs[right].row)
        }
        return order.prefix(min(max(limit, 0), 1000)).map { claim(at: $0, by: worker, at: now, until: end) }
    }

    private mutating func claim(at index: Int, by worker: String, at now: Timestamp, until end: Timestamp) -> Claim {
        jobs[index].state = .running
        jobs[index].attempts += 1
        jobs[index].lease = (worker, end, now)
        let firstClaimedAt = jobs[index].firstClaimedAt ?? now
        jobs[index].firstClaimedAt = firstClaimedAt
        let job = jobs[index]
        return Claim(
            lease: Lease(job: job.new.id, row: job.row, attempt: job.attempts, worker: worker),
            tenant: job.new.tenant, body: job.new.body, headers: job.new.headers, model: job.new.model,
            createdAt: job.new.createdAt, deadline: job.new.deadline, firstClaimedAt: firstClaimedAt)
    }

    /// Where the job is that `lease` is current for.
    private func index(of lease: Lease) -> Int? {
        guard let index = rows[lease.job] else { return nil }
        let job = jobs[index]
        return job.state == .running && job.attempts == lease.attempt && job.row == lease.row ? index : nil
    }

    mutating func renew(_ lease: Lease, until end: Timestamp) -> LeaseRenewal {
        guard let index = index(of: lease) else { return .lost }
        jobs[index].lease?.until = end
        return jobs[index].isCancelRequested ? .cancelRequested : .renewed
    }

    mutating func settle(_ settlement: Settlement) throws(JobStoreError) {
        guard let index = index(of: settlement.lease) else { throw .leaseLost(settlement.lease) }
        let now = settlement.attempt.endedAt
        jobs[index].journal.append(settlement.attempt)
        switch settlement.outcome {
        case .ended(let state, let result): end(index, as: state, with: result, at: now)
        case .retry where jobs[index].isCancelRequested:
            end(index, as: .canceled, with: JobResult(.jobCanceled), at: now)
        case .retry(let runAt): requeue(index, at: runAt)
        }
    }

    mutating func reap(limit: Int, maxAttempts: Int, at now: Timestamp) -> Int {
        let overdue = jobs.indices
            .filter { jobs[$0].state == .queued && jobs[$0].new.deadline.map { $0 <= now } ?? false }
            .sorted { (jobs[$0].new.deadline ?? now, $0) < (jobs[$1].new.deadline ?? now, $1) }.prefix(max(limit, 0))
        let abandoned = jobs.indices.filter { jobs[$0].lease.map { $0.until <= now } ?? false }
            .sorted { (jobs[$0].lease?.until ?? now, $0) < (jobs[$1].lease?.until ?? now, $1) }.prefix(max(limit, 0))
        for index in overdue { end(index, as: .expired, with: JobResult(.jobDeadlinePassed), at: now) }
        for index in abandoned { recover(index, maxAttempts: maxAttempts, at: now) }
        usedKeys = usedKeys.filter { $0.value.key.expiresAt > now }
        return overdue.count + abandoned.count
    }

    private mutating func recover(_ index: Int, maxAttempts: Int, at now: Timestamp) {
        let attempts = jobs[index].attempts
        let claimedAt = jobs[index].lease?.claimedAt ?? now
        jobs[index].journal.append(.leaseExpired(attempt: attempts, claimedAt: claimedAt, at: now))
        if jobs[index].isCancelRequested {
            end(index, as: .canceled, with: JobResult(.jobCanceled), at: now)
        } else if attempts >= maxAttempts {
            end(index, as: .errored, with: JobResult(.jobAttemptsExhausted(attempts)), at: now)
        } else {
            requeue(index, at: jobs[index].runAt)
        }
    }

    mutating func cancel(_ id: JobID, of tenant: TenantID, at now: Timestamp) -> CancelOutcome? {
        guard let index = rows[id], jobs[index].isVisible(to: tenant) else { return nil }
        switch jobs[index].state {
        case .queued:
            end(index, as: .canceled, with: JobResult(.jobCanceled), at: now)
            return .canceled
        case .running:
            jobs[index].isCancelRequested = true
            return .requested
        case .succeeded, .errored, .canceled, .expired:
            return .alreadyEnded(jobs[index].state)
        }
    }

    private mutating func requeue(_ index: Int, at runAt: Timestamp) {
        jobs[index].state = .queued
        jobs[index].runAt = runAt
        jobs[index].lease = nil
        topics.insert(.jobs)
    }

    private mutating func end(_ index: Int, as state: JobState, with result: JobResult, at now: Timestamp) {
        jobs[index].state = state
        jobs[index].lease = nil
        jobs[index].ended = (now, result)
        topics.insert(.results)
        announce(jobs[index].new, endedAs: state, at: now)
    }
}
