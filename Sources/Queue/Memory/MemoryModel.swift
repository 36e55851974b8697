import Domain

/// The whole state of a ``MemoryJobStore`` and its transitions: the ``JobStore`` contract as a plain value.
struct MemoryModel: Sendable {
    struct Job: Sendable {
        let new: NewJob
        let row: Int64
        var life: JobLifecycle
        var ended: (at: Timestamp, result: JobResult)?
        var journal: [AttemptRecord] = []
        /// Gone when that job is.
        var replayOf: JobID?
        var replayedAs: JobID?
        var isDeleted = false
        /// With its tenant's data.
        var isErased = false
        /// Of the attempt that ends it; nil if none does.
        var ending: EndingCost?

        init(_ new: NewJob, row: Int64, replayOf: JobID? = nil) {
            self.new = new
            self.row = row
            self.replayOf = replayOf
            self.life = JobLifecycle(runAt: new.runAt, deadline: new.deadline)
        }

        var record: JobRecord {
            JobRecord(
                id: new.id, tenant: new.tenant, state: life.state, model: new.model, priority: new.priority,
                attempts: life.attempt, createdAt: new.createdAt, runAt: life.runAt, deadline: new.deadline,
                endedAt: ended?.at, resultStatus: ended?.result.status, metadata: isErased ? nil : new.metadata,
                isCancelRequested: life.isCancelRequested, replayOf: replayOf, replayedAs: replayedAs,
                isErased: isErased)
        }

        var chargedAttempts: Int { journal.count { $0.maybeBilled } }

        func isVisible(to tenant: TenantID?) -> Bool {
            !isDeleted && (tenant == nil || tenant == new.tenant)
        }
    }

    struct KeyInUse: Hashable, Sendable {
        let tenant: TenantID
        let key: String
    }

    /// A tenant's place in the rounds of claims. Its number is the index + 1.
    struct Lane: Sendable {
        var share: TenantShare
        var pass: Int64 = 0
        var isReady = false
        /// When its next job is due; nil if none is queued, or if it is ready.
        var wakeAt: Timestamp?
    }

    /// In the order of submission; `row` is the index + 1.
    var jobs: [Job] = []
    /// In the order in which they were first met.
    var lanes: [Lane] = []
    var virtualTime: Int64 = 0
    var rows: [JobID: Int] = [:]
    var usedKeys: [KeyInUse: (key: IdempotencyKey, job: JobID)] = [:]
    /// In the order of registration.
    var endpoints: [WebhookEndpoint] = []
    /// In the order of creation.
    var deliveries: [Outgoing] = []
    /// What they wait in.
    var deliveryLanes: [DeliveryLane] = []
    var keys: [String: StoredKey] = [:]
    var keyring: StoredKeyring?
    var egressOutages: [String: EgressOutage] = [:]
    /// In the order of creation.
    var apiKeys: [APIKey] = []
    /// The latest of each subject.
    var revocations: [TokenRevocation.Subject: Timestamp] = [:]
    var tokenRevision = 0
    /// In the order of creation, deleted ones included.
    var batches: [Batch] = []
    /// Limits, budgets and usage.
    var tenancy = Tenancy()
    /// What the transitions since the last look have touched.
    var topics: Set<ChangeTopic> = []
    var random: any RandomNumberGenerator & Sendable
    /// nil: no audit log is kept.
    let auditKeeping: AuditKeeping?
    /// The audit log.
    var trail: [AuditEntry] = []

    init(random: any RandomNumberGenerator & Sendable, auditKeeping: AuditKeeping? = nil) {
        self.random = random
        self.auditKeeping = auditKeeping
    }

    // MARK: Intake

    mutating func submit(_ batch: [NewJob], maxDepth: Int) throws(JobStoreError) -> [SubmitOutcome] {
        var used = usedKeys
        var admission = beginAdmission()
        let outcomes = batch.map { judge($0, &used, &admission) }
        let accepted = zip(batch, outcomes).filter { $1 == .accepted($0.id) }.map(\.0)
        try reserve(accepted.count, maxDepth: maxDepth)
        usedKeys = used
        tenancy.books = admission.books
        for (job, reservation) in zip(accepted, admission.reservations) {
            hold(reservation, for: job.id)
            add(Job(job, row: Int64(jobs.count + 1)))
        }
        return outcomes
    }

    func reserve(_ count: Int, maxDepth: Int) throws(JobStoreError) {
        let staged = batches.reduce(0) { $0 + ($1.phase == .open ? $1.staged.count : 0) }
        let depth = jobs.count { !$0.isDeleted && !$0.life.state.isTerminal } + staged
        guard count == 0 || depth + count <= maxDepth else { throw .full(depth: depth, limit: maxDepth) }
    }

    mutating func add(_ job: Job) {
        rows[job.new.id] = jobs.count
        jobs.append(job)
        expect(job)
    }

    private func judge(
        _ job: NewJob, _ used: inout [KeyInUse: (key: IdempotencyKey, job: JobID)], _ admission: inout Admission
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
        if let refusal = admit(job.demand, of: job.tenant, &admission, at: job.createdAt) { return .refused(refusal) }
        if let key = job.idempotency { used[KeyInUse(tenant: job.tenant, key: key.key)] = (key, job.id) }
        return .accepted(job.id)
    }

    // MARK: Work

    /// Where the job is that `lease` belongs to.
    private func index(of lease: Lease) -> Int? {
        rows[lease.job].flatMap { jobs[$0].row == lease.row ? $0 : nil }
    }

    mutating func renew(_ lease: Lease, until end: Timestamp) -> LeaseRenewal {
        guard let index = index(of: lease) else { return .lost }
        switch jobs[index].life.renew(lease.attempt, until: end) {
        case .renewed: return .renewed
        case .cancelRequested: return .cancelRequested
        case .lost: return .lost
        }
    }

    mutating func settle(_ settlement: Settlement) throws(JobStoreError) {
        let lease = settlement.lease
        guard let index = index(of: lease), jobs[index].life.isRunning(lease.attempt) else { throw .leaseLost(lease) }
        let now = settlement.attempt.endedAt
        let tenant = jobs[index].new.tenant
        jobs[index].ending = EndingCost(
            known: settlement.bill?.amount, silent: jobs[index].chargedAttempts + (settlement.isSilent ? 1 : 0))
        if !settlement.outcome.isDeferral {
            jobs[index].journal.append(settlement.attempt)
            addUsage(of: settlement, tenant: tenant)
        }
        switch settlement.outcome {
        case .ended where jobs[index].isErased:
            follow(
                jobs[index].life.finish(lease.attempt, as: .canceled), of: index, with: JobResult(.jobCanceled), at: now
            )
        case .ended(let state, let result):
            follow(jobs[index].life.finish(lease.attempt, as: state), of: index, with: result, at: now)
        case .retry where isBatchCanceled(of: lease.job), .deferred where isBatchCanceled(of: lease.job):
            follow(
                jobs[index].life.finish(lease.attempt, as: .canceled), of: index, with: JobResult(.jobCanceled), at: now
            )
        case .retry(let runAt):
            follow(jobs[index].life.retry(lease.attempt, at: runAt), of: index, with: JobResult(.jobCanceled), at: now)
            if jobs[index].life.state == .queued { spend(settlement.bill?.amount, of: tenant, at: now) }
        case .deferred(let runAt):
            follow(
                jobs[index].life.putBack(lease.attempt, until: runAt), of: index, with: JobResult(.jobCanceled), at: now
            )
        }
    }

    mutating func reap(limit: Int, maxAttempts: Int, at now: Timestamp) -> Int {
        let overdue = jobs.indices.filter { jobs[$0].life.isOverdue(at: now) }
            .sorted { (jobs[$0].new.deadline ?? now, $0) < (jobs[$1].new.deadline ?? now, $1) }.prefix(max(limit, 0))
        let abandoned = jobs.indices.filter { jobs[$0].life.isAbandoned(at: now) }
            .sorted { (jobs[$0].life.lease?.until ?? now, $0) < (jobs[$1].life.lease?.until ?? now, $1) }
            .prefix(max(limit, 0))
        for index in overdue + abandoned { reap(index, maxAttempts: maxAttempts, at: now) }
        usedKeys = usedKeys.filter { $0.value.key.expiresAt > now }
        return overdue.count + abandoned.count + reapCalls(limit: limit, at: now)
    }

    private mutating func reap(_ index: Int, maxAttempts: Int, at now: Timestamp) {
        let before = jobs[index].life
        let charged = jobs[index].chargedAttempts
        if let lease = before.lease {
            jobs[index].journal.append(
                .leaseExpired(attempt: before.attempt, claimedAt: lease.claimedAt, at: now))
            addLostUsage(of: jobs[index].new.tenant, model: jobs[index].new.model, at: now)
        }
        if before.lease != nil, isBatchCanceled(of: jobs[index].new.id) {
            let canceled = jobs[index].life.finish(before.attempt, as: .canceled)
            return follow(canceled, of: index, with: JobResult(.jobCanceled), at: now)
        }
        let transition = jobs[index].life.reap(at: now, charged: charged, maxAttempts: maxAttempts)
        let envelope: RelayError =
            switch transition {
            case .ended(.expired): .jobDeadlinePassed
            case .ended(.errored): .jobAttemptsExhausted(before.attempt)
            default: .jobCanceled
            }
        follow(transition, of: index, with: JobResult(envelope), at: now)
    }

    mutating func cancel(_ id: JobID, of tenant: TenantID, at now: Timestamp) -> CancelOutcome? {
        guard let index = rows[id], jobs[index].isVisible(to: tenant) else { return nil }
        switch jobs[index].life.cancel() {
        case .canceled:
            follow(.ended(.canceled), of: index, with: JobResult(.jobCanceled), at: now)
            return .canceled
        case .requested:
            topics.insert(.cancels)
            return .requested
        case .alreadyEnded(let state): return .alreadyEnded(state)
        }
    }

    /// Does what a transition brings with it: wakes whom it concerns, keeps the result of a job that has ended.
    mutating func follow(
        _ transition: JobLifecycle.Transition?, of index: Int, with result: JobResult, at now: Timestamp
    ) {
        switch transition {
        case nil: break
        case .queued:
            jobs[index].ending = nil
            expect(jobs[index])
        case .ended(let state):
            jobs[index].ended = (now, result)
            settleReservation(of: jobs[index], at: now)
            noteRoom(of: jobs[index].new.tenant)
            topics.insert(.results)
            endInBatch(jobs[index].new.id, at: now)
            announce(jobs[index].new, endedAs: state, at: now)
        }
    }
}
