import Domain

/// A job's small row while it is unfinished: what `queued` and `running` share.
struct OpenJob {
    let row: Int64
    let tenant: Int64
    let priority: Int
    let runAt: Timestamp
    /// Claims so far.
    let attempt: Int
    /// Ended attempts that may have been executed.
    let charged: Int
    var firstClaimedAt: Timestamp?
    let deadline: Timestamp?
    /// Of the body.
    let bytes: Int
    let hasWebhook: Bool
    /// Its class of models, by number.
    let models: Int64
    /// Only of a running one.
    var claimedAt: Timestamp?
    var isCancelRequested = false
    /// What the attempt that has just ended takes from budgets; nil if it does not say, or there was none.
    var cost: BudgetAmount?
    /// Whether that attempt may have been billed and does not say.
    var isSilent = false

    /// One that was never claimed.
    init(
        row: Int64, tenant: Int64, models: Int64, priority: Int, runAt: Timestamp, deadline: Timestamp?, bytes: Int,
        hasWebhook: Bool = false
    ) {
        (self.row, self.tenant, self.priority, self.runAt) = (row, tenant, priority, runAt)
        (attempt, charged, firstClaimedAt) = (0, 0, nil)
        (self.models, self.deadline, self.bytes, self.hasWebhook) = (models, deadline, bytes, hasWebhook)
    }

    /// Reads `job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes, has_webhook, class`.
    init(queued stored: SQLiteRow) {
        row = stored.int64(0)
        tenant = stored.int64(1)
        priority = stored.int(2)
        runAt = stored.time(3)
        attempt = stored.int(4)
        charged = stored.int(5)
        firstClaimedAt = stored.optionalTime(6)
        deadline = stored.optionalTime(7)
        bytes = stored.int(8)
        hasWebhook = stored.bool(9)
        models = stored.int64(10)
    }

    /// Reads the same and then `claimed_at, cancel_requested`.
    init(running stored: SQLiteRow) {
        self.init(queued: stored)
        claimedAt = stored.time(11)
        isCancelRequested = stored.bool(12)
    }
}

// The transitions. Each takes the job's row from where it is, guarded by its number and its attempt, and puts it where
// it goes; both or neither, by the transaction.

extension WriteContext {
    /// Takes the job out of `running`; nil, and nothing changed, if `attempt` is not its current one.
    func takeRunning(_ row: Int64, attempt: Int) throws -> OpenJob? {
        try connection.first(
            """
            DELETE FROM running WHERE job = ? AND attempt = ?
            RETURNING job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes, has_webhook,
                class, claimed_at, cancel_requested
            """, row, attempt, read: OpenJob.init(running:))
    }

    /// Takes the job out of `queued`; nil, and nothing changed, if it is not there.
    func takeQueued(_ row: Int64) throws -> OpenJob? {
        let job = try connection.first(
            """
            DELETE FROM queued WHERE job = ?
            RETURNING job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes, has_webhook,
                class
            """, row, read: OpenJob.init(queued:))
        if let job { countQueued(job.models, by: -1) }
        return job
    }

    /// Puts a job that was just taken out of `state` (nil: a new one) into the queue.
    func enqueue(_ job: OpenJob, from state: JobState?, at runAt: Timestamp, charged: Int) throws {
        try connection.execute(
            """
            INSERT INTO queued (job, tenant, priority, run_at, attempt, charged, first_claimed_at, deadline, bytes,
                has_webhook, class)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            job.row, job.tenant, job.priority, runAt, job.attempt, charged, job.firstClaimedAt, job.deadline, job.bytes,
            job.hasWebhook, job.models)
        countQueued(job.models, by: 1)
        countJob(of: job.tenant, from: state, to: .queued)
        expectJob(of: job.tenant, at: runAt)
    }

    /// Ends a job that was just taken out of `old` (nil: a new one), with its result and its webhook outbox rows.
    /// - Parameter form: of the result's body.
    func end(
        _ job: OpenJob, from old: JobState?, as state: JobState, with result: JobResult, _ form: PayloadForm,
        at now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO ended (job, tenant, state, attempt, run_at, ended_at, canceled, status, headers, body,
                sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            job.row, job.tenant, state.code, job.attempt, job.runAt, now, job.isCancelRequested, result.status,
            FieldCodec.encode(result.headers), result.body, form.rawValue)
        countJob(of: job.tenant, from: old, to: state)
        try countInBatch(job.row, endedAs: state, at: now)
        try settleReservation(of: job, at: now)
        note(.results)
        try announce(job, endedAs: state, at: now)
    }

    /// Ends it with the relay's own envelope in place of an answer; that is nothing of the tenant's, and not sealed.
    func end(
        _ job: OpenJob, from old: JobState?, as state: JobState, because error: RelayError, at now: Timestamp
    ) throws {
        try end(job, from: old, as: state, with: JobResult(error), .plain, at: now)
    }

    func journal(_ record: AttemptRecord, of job: Int64) throws {
        try connection.execute(
            """
            INSERT INTO attempts (job, attempt, key, egress, started_at, first_byte_at, ended_at, status, request_id,
                verdict, error, maybe_billed, bytes_sent, bytes_received, input_tokens, output_tokens,
                cache_creation_tokens, cache_read_tokens)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            job, record.attempt, record.key, record.egress, record.startedAt, record.firstByteAt, record.endedAt,
            record.status, record.requestID, record.verdict, record.error, record.maybeBilled, record.bytesSent,
            record.bytesReceived, record.usage?.input, record.usage?.output,
            record.usage.map { $0.cacheCreation + $0.hourCacheCreation },
            record.usage?.cacheRead)
    }
}
