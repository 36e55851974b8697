package import Domain

/// The durable queue: where accepted jobs, their results and the webhook outbox live.
///
/// Every method that changes something is one transaction, durable when it returns. Concurrent calls may share a
/// transaction. Every implementation passes the conformance suite in `Tests/QueueTests`.
package protocol JobStore: BatchStore, WebhookStore, ErasureStore {
    // MARK: Intake

    /// Makes `jobs` durable, all or none, in their order. Returns one outcome a job, in that order.
    /// - Throws: `.full` when the queue holds its limit, `.unavailable` when the disk refuses.
    func submit(_ jobs: [NewJob]) async throws(JobStoreError) -> [SubmitOutcome]

    // MARK: Work

    /// Claims up to `limit` due jobs for `worker`. Tenants take turns by their shares (``ClaimRound``); of one tenant,
    /// higher priority goes first, then earlier `runAt`, then older. Each is hidden from other workers until
    /// `now + duration`. Jobs whose deadline has passed are not claimed but
    /// end as expired, at most `limit` of them.
    /// - Parameters:
    ///   - limit: 1...1000.
    ///   - bytes: bodies that the claims hold at most; one job is claimed whatever its size.
    ///   - models: only jobs of this class; nil for any.
    /// - Returns: the claims, perhaps none. Never waits for work to arrive.
    /// - Throws: `.unreadable` if there are only jobs that cannot be worked here, for their tenant's data key does not open.
    ///   They stay queued, uncharged, for a process that can open it.
    func claim(
        limit: Int, bytes: Int, of models: ModelClass?, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim]

    /// The classes of models of which a claim at `now` would probably find something, be it only jobs that have expired.
    /// Costs little; a worker asks before it takes permits. Classes beyond a limit count as `other`.
    func dueClasses(at now: Timestamp) async throws(JobStoreError) -> [ModelClass]

    /// Prolongs `leases` to `now + duration`. Returns one answer a lease, in order.
    func renew(_ leases: [Lease], at now: Timestamp, for duration: Duration) async throws(JobStoreError)
        -> [LeaseRenewal]

    /// Ends one attempt: journal line, transition, result and webhook outbox rows in one transaction.
    /// A retry of a job whose cancellation was asked for ends it as canceled instead.
    /// - Throws: `.leaseLost` if the lease is no longer the job's current one; nothing has changed then.
    func settle(_ settlement: Settlement) async throws(JobStoreError)

    /// Puts up to `limit` jobs with expired leases back into the queue, or ends them: as canceled if that was asked for,
    /// as errored after `maxAttempts` attempts that may have been executed (this one counts: nobody knows). Expires up
    /// to `limit` queued jobs whose deadline has passed.
    /// - Returns: how many jobs changed.
    func reap(limit: Int, maxAttempts: Int, at now: Timestamp) async throws(JobStoreError) -> Int

    // MARK: Owners

    /// Cancels a queued job at once; marks a running one, whose worker then cancels the upstream call.
    /// - Returns: nil if `tenant` has no such job.
    func cancel(_ id: JobID, of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> CancelOutcome?

    /// - Parameter tenant: whose jobs to look in; nil for an operator, who sees all.
    func job(_ id: JobID, of tenant: TenantID?) async throws(JobStoreError) -> JobRecord?
    /// The result of an ended job; nil if there is no such job or it has not ended. A job canceled or expired before
    /// it was sent has a result too: the relay's envelope.
    /// - Throws: `.erased` of a job whose tenant's data was erased.
    func result(of id: JobID, tenant: TenantID?) async throws(JobStoreError) -> JobResult?
    /// The journal of a job's ended attempts from number `first` on, oldest first; at most 1,000.
    func attempts(of id: JobID, from first: Int) async throws(JobStoreError) -> [AttemptRecord]
    /// Newest first. Looks at ``JobQuery/scanLimit`` jobs at most: a page may be short, and its cursor tells where to go on.
    func list(_ query: JobQuery) async throws(JobStoreError) -> JobPage
    /// Jobs a state, kept as counters, of one tenant or of all (nil).
    func counts(of tenant: TenantID?) async throws(JobStoreError) -> [JobState: Int]

    /// Submits ended jobs that did not succeed once more, each as a new job with the same request and no deadline.
    /// A job is replayed once: repeating the call finds the replays that exist. What limits its tenant has now holds: its
    /// model, its size, and what it may cost, which is counted anew from its body.
    /// - Parameters:
    ///   - tenant: whose jobs they must be; nil for an operator.
    ///   - prices: what it is counted at.
    /// - Returns: one outcome a replay, in order.
    /// - Throws: `.full` when the queue has no room for all.
    func replay(
        _ replays: [Replay], of tenant: TenantID?, pricedBy prices: PriceList, at now: Timestamp
    ) async throws(JobStoreError) -> [ReplayOutcome]

    // MARK: Upkeep

    /// Throws if the store cannot be read, or failed when it was last written and still does.
    func checkHealth() async throws(JobStoreError)

    /// Sets how much of the workers a tenant gets.
    func setShare(_ share: TenantShare) async throws(JobStoreError)
    /// By name, those after `after`; at most `limit`.
    func tenants(after: TenantID?, limit: Int, at now: Timestamp) async throws(JobStoreError) -> [TenantStatus]
    /// nil if the store has not met it.
    func tenant(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> TenantStatus?
    /// Deletes up to `limit` jobs that ended before `cutoff`, with all that belongs to them, oldest first; jobs with an
    /// event still on its way stay, those of a batch that has not ended before `cutoff`, and the newest job. Looks at a bounded number of jobs.
    /// - Parameter after: where the last slice ended; 0 to begin.
    func prune(endedBefore cutoff: Timestamp, after: Int64, limit: Int) async throws(JobStoreError) -> PruneSlice
    /// What the store takes of its medium.
    func usage() async throws(JobStoreError) -> StoreUsage
    /// Gives up to `bytes` of what deletions have freed back to the file system. - Returns: how many bytes.
    func shrink(by bytes: Int) async throws(JobStoreError) -> Int
    /// The latest instant that the store remembers of its own work; nil if it is empty.
    func latestTime() async throws(JobStoreError) -> Timestamp?
    /// Moves what the relay has timed itself (jobs due at once or after a backoff, leases, deliveries) from a clock that
    /// has been set back by `step`: that much earlier, but not before `now`. Times that a client has given stay.
    /// - Parameters:
    ///   - grace: how long leases last at least that have not expired yet by the new clock, which may have renewed them.
    ///   - limit: rows of one transaction at most.
    /// - Returns: how many rows were moved in all.
    func rebase(
        by step: Duration, keeping grace: Duration, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int

    // MARK: Waking up

    /// Grows whenever, in any process, something of `topic` may have happened.
    func changeCount(_ topic: ChangeTopic) -> UInt64
    /// Returns as soon as the count of `topic` differs from `seen`, or when `limit` has passed. Spurious returns occur.
    func waitForChange(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async
}

extension JobStore {
    /// All of them, by name.
    package func tenants(at now: Timestamp) async throws(JobStoreError) -> [TenantStatus] {
        var found: [TenantStatus] = []
        while true {
            let page = try await tenants(after: found.last?.share.tenant, limit: 1000, at: now)
            found += page
            if page.count < 1000 { return found }
        }
    }

    /// Claims jobs of any class.
    package func claim(
        limit: Int, bytes: Int, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim] {
        try await claim(limit: limit, bytes: bytes, of: nil, by: worker, at: now, for: duration)
    }
}

/// What a waiter waits for.
package enum ChangeTopic: Int, Hashable, Sendable, CaseIterable {
    /// Jobs became due (submitted, retried, reaped).
    case jobs
    /// Jobs reached a terminal state.
    case results
    /// Deliveries became due.
    case deliveries
    /// Running jobs are to be cancelled.
    case cancels
    /// Batches need something: ``BatchStore/advanceBatches(limit:abandonedBefore:at:)``.
    case batches
    /// API keys or revocations changed: ``TokenStore``.
    case tokens
}

/// Why the store did not do what it was asked.
package enum JobStoreError: Error, Hashable, Sendable {
    /// The lease is no longer current: another attempt owns the job, or it has ended.
    case leaseLost(Lease)
    /// The queue holds `depth` unfinished jobs; `limit` are allowed.
    case full(depth: Int, limit: Int)
    /// `waiting` writes, of `bytes` in all, wait for their transaction already.
    case busy(waiting: Int, bytes: Int)
    /// A secret was sealed by a keyring that is no longer the store's: seal it anew with ``KeyringStore/keyring()``.
    case keyringChanged
    /// The store cannot be read or written now (disk full, I/O error, busy too long, not a database).
    /// `detail` is for operators: the library's words.
    case unavailable(detail: String)
    /// The answer would have more than `limit` rows.
    case tooMany(limit: Int)
    /// The payload was erased with its tenant's data.
    case erased
    /// The payload is sealed and does not open, and why.
    case unreadable(RelayError)
}

extension JobStore {
    /// The journal of a job's ended attempts, oldest first; at most 1,000.
    package func attempts(of id: JobID) async throws(JobStoreError) -> [AttemptRecord] {
        try await attempts(of: id, from: 0)
    }
}

/// What became of one submitted job.
package enum SubmitOutcome: Hashable, Sendable {
    case accepted(JobID)
    /// The idempotency key was used for the same submission before: its job.
    case existing(JobID)
    /// The idempotency key was used for another submission; nothing was stored.
    case idempotencyConflict(JobID)
    /// The job names a webhook endpoint that its tenant does not have; nothing was stored.
    case unknownEndpoint(String)
    /// The tenant's limits have no room for it; nothing was stored.
    case refused(AdmissionRefusal)
}

/// What a worker learns when it renews a lease.
package enum LeaseRenewal: Hashable, Sendable {
    case renewed
    /// Renewed, and the owner asked for cancellation: cancel the upstream call, then settle.
    case cancelRequested
    /// Another attempt owns the job, or it has ended: stop at once, settle nothing.
    case lost
}

/// What became of a cancellation.
package enum CancelOutcome: Hashable, Sendable {
    /// It was queued and has ended as canceled.
    case canceled
    /// It is running; its worker has been told.
    case requested
    case alreadyEnded(JobState)
}
