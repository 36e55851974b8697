import Domain
import FoundationEssentials
import GRDB

// The transitions that end or requeue a job. Each is one statement, guarded by row, attempt and state.

extension WriteContext {
    /// The job that `lease` is current for; nil if it is not any more.
    func current(_ lease: Lease) throws -> JobHead? {
        let statement = try database.cachedStatement(
            sql: "SELECT \(JobHead.columns) FROM jobs WHERE row = ? AND attempt = ? AND state = 1 AND id = ? LIMIT 1")
        let arguments: StatementArguments = [lease.row, lease.attempt, lease.job.text]
        return try Row.fetchOne(statement, arguments: arguments).map(JobHead.init)
    }

    /// Ends `job` with its result and its webhook outbox rows.
    func end(_ job: JobHead, as state: JobState, with result: JobResult, at now: Timestamp) throws {
        let changed = try execute(
            """
            UPDATE jobs SET state = ?, ended_at = ?, result_status = ?, lease_until = NULL, worker = NULL,
                claimed_at = NULL
            WHERE row = ? AND attempt = ? AND state = ?
            """,
            [state.code, now.microseconds, result.status, job.row, job.attempt, job.state.code])
        guard changed == 1 else { throw DamagedValue(description: "job \(job.id) moved inside a transaction") }
        try execute(
            "INSERT INTO results (job, status, headers, body) VALUES (?, ?, ?, ?)",
            [job.row, result.status, FieldCodec.encode(result.headers), Data(result.body)])
        try announce(job, endedAs: state, at: now)
        countJob(of: job.tenant, from: job.state, to: state)
        note(.results)
    }

    /// Ends `job` with the relay's own envelope in place of an answer.
    func end(_ job: JobHead, as state: JobState, because error: RelayError, at now: Timestamp) throws {
        try end(job, as: state, with: JobResult(error), at: now)
    }

    /// Puts a running `job` back, due at `runAt` (nil: when it was due before).
    func requeue(_ job: JobHead, at runAt: Timestamp?) throws {
        let changed = try execute(
            """
            UPDATE jobs SET state = 0, run_at = coalesce(?, run_at), lease_until = NULL, worker = NULL,
                claimed_at = NULL
            WHERE row = ? AND attempt = ? AND state = 1
            """,
            [runAt?.microseconds, job.row, job.attempt])
        guard changed == 1 else { throw DamagedValue(description: "job \(job.id) moved inside a transaction") }
        countJob(of: job.tenant, from: .running, to: .queued)
        note(.jobs)
    }

    func journal(_ record: AttemptRecord, of job: Int64) throws {
        try execute(
            """
            INSERT INTO attempts (job, attempt, key, egress, started_at, ended_at, status, request_id, verdict,
                maybe_billed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                job, record.attempt, record.key, record.egress, record.startedAt.microseconds,
                record.endedAt.microseconds, record.status, record.requestID, record.verdict, record.maybeBilled,
            ])
    }

    /// Writes one outbox row for each receiver: the tenant's endpoints that listen to the event or are named by the
    /// job, and the URL that the job names.
    private func announce(_ job: JobHead, endedAs state: JobState, at now: Timestamp) throws {
        guard let event = WebhookEvent(endedAs: state) else { return }
        let statement = try database.cachedStatement(
            sql: "SELECT id, url, events FROM endpoints WHERE tenant = ? ORDER BY row LIMIT 1000")
        for row in try Row.fetchAll(statement, arguments: [job.tenant]) {
            let (id, url, events): (String, String, Int) = (row[0], row[1], row[2])
            if events & event.code != 0 || job.webhook == .endpoint(id) {
                try post(event, of: job, to: url, endpoint: id, at: now)
            }
        }
        if case .url(let url) = job.webhook { try post(event, of: job, to: url, endpoint: nil, at: now) }
    }

    private func post(
        _ event: WebhookEvent, of job: JobHead, to url: String, endpoint: String?, at now: Timestamp
    ) throws {
        try execute(
            "INSERT INTO deliveries (id, job, endpoint, url, event, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [makeDeliveryID(), job.row, endpoint, url, event.code, now.microseconds, now.microseconds])
        countDeliveries(.pending, by: 1)
        note(.deliveries)
    }
}
