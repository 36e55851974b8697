package import Domain

extension SQLiteJobStore {
    package func settle(_ settlement: Settlement) async throws(JobStoreError) {
        try await sealing { () async throws(JobStoreError) in
            try await writer.perform(bytes: settlement.outcome.bytes, isVital: true) { try $0.settle(settlement) }
        }
    }

    package func reap(limit: Int, maxAttempts: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        guard limit > 0 else { return 0 }
        // Looked for beside the writer: mostly there is nothing, and then nobody is disturbed.
        let found = try await read { try $0.reapable(limit: limit, at: now) }
        guard found.isThereAny else { return 0 }
        return try await writer.perform(isVital: true) { context in
            var count = 0
            for row in found.overdue {
                guard let job = try context.takeQueued(row) else { continue }
                try context.end(job, from: .queued, as: .expired, because: .jobDeadlinePassed, at: now)
                count += 1
            }
            for row in found.abandoned where try context.recover(row, maxAttempts: maxAttempts, at: now) { count += 1 }
            count += try context.reapCalls(limit: limit, at: now)
            try context.forgetExpiredKeys(limit: 20 * limit, at: now)
            return count
        }
    }

    package func cancel(
        _ id: JobID, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) -> CancelOutcome? {
        try await writer.perform { context in
            let found = try context.connection.first(
                "SELECT row, state FROM job_records WHERE id = ? AND tenant_name = ? LIMIT 1", id.text, tenant.text
            ) { ($0.int64(0), try JobState(stored: $0.int(1))) }
            guard let (row, state) = found else { return nil }
            switch state {
            case .queued:
                guard let job = try context.takeQueued(row) else {
                    throw DamagedValue(description: "damaged file: job \(id) is nowhere")
                }
                try context.end(job, from: .queued, as: .canceled, because: .jobCanceled, at: now)
                return .canceled
            case .running:
                try context.connection.execute("UPDATE running SET cancel_requested = 1 WHERE job = ?", row)
                context.note(.cancels)
                return .requested
            case .succeeded, .errored, .canceled, .expired: return .alreadyEnded(state)
            }
        }
    }
}

extension Settlement.Outcome {
    fileprivate var bytes: Int {
        switch self {
        case .ended(_, let result): result.body.count
        case .retry, .deferred: 0
        }
    }
}

/// What a reaper has to look at.
private struct Reapable: Sendable {
    let overdue: [Int64]
    let abandoned: [Int64]
    let hasLostCalls: Bool
    let hasExpiredKeys: Bool

    var isThereAny: Bool { !overdue.isEmpty || !abandoned.isEmpty || hasLostCalls || hasExpiredKeys }
}

extension SQLiteConnection {
    fileprivate func reapable(limit: Int, at now: Timestamp) throws -> Reapable {
        Reapable(
            overdue: try all(
                """
                SELECT job FROM queued INDEXED BY queued_deadline WHERE deadline IS NOT NULL AND deadline <= ?
                ORDER BY deadline, job LIMIT ?
                """, now, limit
            ) { $0.int64(0) },
            abandoned: try all(
                "SELECT job FROM running WHERE lease_until <= ? ORDER BY lease_until, job LIMIT ?", now, limit
            ) { $0.int64(0) },
            hasLostCalls: try first(
                "SELECT 1 FROM call_reservations INDEXED BY call_reservations_expiry WHERE expires_at <= ? LIMIT 1", now
            ) { _ in true } ?? false,
            hasExpiredKeys: try first(
                "SELECT 1 FROM idempotency INDEXED BY idempotency_expiry WHERE expires_at <= ? LIMIT 1", now
            ) { _ in true } ?? false)
    }
}

extension WriteContext {
    fileprivate func settle(_ settlement: Settlement) throws {
        let lease = settlement.lease
        guard var job = try takeRunning(lease.row, attempt: lease.attempt) else {
            throw JobStoreError.leaseLost(lease)
        }
        let now = settlement.attempt.endedAt
        if !settlement.outcome.isDeferral {
            try journal(settlement.attempt, of: job.row)
            try addUsage(of: settlement, of: job.tenant)
        }
        job.cost = settlement.bill?.amount
        job.isSilent = settlement.isSilent
        switch settlement.outcome {
        case .ended where try isErased(job):
            try end(job, from: .running, as: .canceled, because: .jobCanceled, at: now)
        case .ended(let state, let result):
            let place = PayloadPlace(.result, of: lease.job.text)
            let (body, form) = try stored(result.body, as: place, of: job.tenant)
            try end(
                job, from: .running, as: state,
                with: JobResult(status: result.status, headers: result.headers, body: body), form, at: now)
        case .retry where try job.isCancelRequested || isBatchCanceled(ofJob: job.row),
            .deferred where try job.isCancelRequested || isBatchCanceled(ofJob: job.row):
            try end(job, from: .running, as: .canceled, because: .jobCanceled, at: now)
        case .retry(let runAt):
            let charged = job.charged + (settlement.attempt.maybeBilled ? 1 : 0)
            try enqueue(job, from: .running, at: runAt, charged: charged)
            if let cost = job.cost { try spend(cost, of: job.tenant, at: now) }
        case .deferred(let runAt):
            if job.firstClaimedAt == job.claimedAt { job.firstClaimedAt = nil }
            try enqueue(job, from: .running, at: runAt, charged: job.charged)
        }
    }

    /// Takes a job from a worker that has not been heard of for too long. - Returns: whether that was so.
    fileprivate func recover(_ row: Int64, maxAttempts: Int, at now: Timestamp) throws -> Bool {
        let attempt = try connection.first(
            "SELECT attempt FROM running WHERE job = ? AND lease_until <= ? LIMIT 1", row, now
        ) { $0.int(0) }
        guard let attempt, var job = try takeRunning(row, attempt: attempt) else { return false }
        job.isSilent = true
        try journal(.leaseExpired(attempt: attempt, claimedAt: job.claimedAt ?? now, at: now), of: row)
        let model = try connection.first("SELECT model FROM jobs WHERE row = ? LIMIT 1", row) { $0.text(0) }
        try addLostUsage(model: model ?? "", of: job.tenant, at: now)
        if try job.isCancelRequested || isBatchCanceled(ofJob: row) {
            try end(job, from: .running, as: .canceled, because: .jobCanceled, at: now)
        } else if job.charged + 1 >= maxAttempts {
            try end(job, from: .running, as: .errored, because: .jobAttemptsExhausted(attempt), at: now)
        } else {
            try enqueue(job, from: .running, at: job.runAt, charged: job.charged + 1)
        }
        return true
    }

    fileprivate func forgetExpiredKeys(limit: Int, at now: Timestamp) throws {
        try connection.execute(
            """
            DELETE FROM idempotency WHERE (tenant, key) IN (
                SELECT tenant, key FROM idempotency INDEXED BY idempotency_expiry WHERE expires_at <= ?
                ORDER BY expires_at LIMIT ?)
            """, now, limit)
    }
}
