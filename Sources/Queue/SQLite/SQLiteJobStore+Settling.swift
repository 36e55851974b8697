package import Domain
import FoundationEssentials
import GRDB

extension SQLiteJobStore {
    package func settle(_ settlement: Settlement) async throws(JobStoreError) {
        try await writer.perform { context in
            guard let job = try context.current(settlement.lease) else {
                throw JobStoreError.leaseLost(settlement.lease)
            }
            let now = settlement.attempt.endedAt
            try context.journal(settlement.attempt, of: job.row)
            switch settlement.outcome {
            case .ended(let state, let result):
                try context.end(job, as: state, with: result, at: now)
            case .retry where job.isCancelRequested:
                try context.end(job, as: .canceled, because: .jobCanceled, at: now)
            case .retry(let runAt):
                try context.requeue(job, at: runAt)
            }
        }
    }

    package func reap(limit: Int, maxAttempts: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        guard limit > 0 else { return 0 }
        return try await writer.perform { context in
            let overdue = try context.heads(
                "jobs INDEXED BY jobs_deadline WHERE state = 0 AND deadline <= ? ORDER BY deadline LIMIT ?", now, limit)
            let abandoned = try context.heads(
                "jobs INDEXED BY jobs_leased WHERE state = 1 AND lease_until <= ? ORDER BY lease_until LIMIT ?",
                now, limit)
            for job in overdue { try context.end(job, as: .expired, because: .jobDeadlinePassed, at: now) }
            for job in abandoned { try context.recover(job, maxAttempts: maxAttempts, at: now) }
            try context.forgetExpiredKeys(limit: 20 * limit, at: now)
            return overdue.count + abandoned.count
        }
    }

    package func cancel(
        _ id: JobID, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) -> CancelOutcome? {
        try await writer.perform { context in
            let statement = try context.database.cachedStatement(
                sql: "SELECT \(JobHead.columns) FROM jobs WHERE id = ? AND tenant = ? LIMIT 1")
            guard let job = try Row.fetchOne(statement, arguments: [id.text, tenant.text]).map(JobHead.init) else {
                return nil
            }
            switch job.state {
            case .queued:
                try context.end(job, as: .canceled, because: .jobCanceled, at: now)
                return .canceled
            case .running:
                try context.execute(
                    "UPDATE jobs SET cancel_requested = 1 WHERE row = ? AND attempt = ? AND state = 1",
                    [job.row, job.attempt])
                return .requested
            case .succeeded, .errored, .canceled, .expired:
                return .alreadyEnded(job.state)
            }
        }
    }
}

extension WriteContext {
    fileprivate func heads(_ source: String, _ now: Timestamp, _ limit: Int) throws -> [JobHead] {
        let statement = try database.cachedStatement(sql: "SELECT \(JobHead.columns) FROM \(source)")
        return try Row.fetchAll(statement, arguments: [now.microseconds, limit]).map(JobHead.init)
    }

    /// Takes `job` from a worker that has not been heard of for too long.
    fileprivate func recover(_ job: JobHead, maxAttempts: Int, at now: Timestamp) throws {
        try journal(.leaseExpired(attempt: job.attempt, claimedAt: job.claimedAt ?? now, at: now), of: job.row)
        if job.isCancelRequested {
            try end(job, as: .canceled, because: .jobCanceled, at: now)
        } else if job.chargedAttempts + 1 >= maxAttempts {
            try end(job, as: .errored, because: .jobAttemptsExhausted(job.attempt), at: now)
        } else {
            try requeue(job, at: nil)
        }
    }

    fileprivate func forgetExpiredKeys(limit: Int, at now: Timestamp) throws {
        try execute(
            """
            DELETE FROM idempotency WHERE (tenant, key) IN (
                SELECT tenant, key FROM idempotency INDEXED BY idempotency_expiry WHERE expires_at <= ?
                ORDER BY expires_at LIMIT ?
            )
            """,
            [now.microseconds, limit])
    }
}
