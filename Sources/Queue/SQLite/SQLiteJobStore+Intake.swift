package import Domain
import FoundationEssentials
import GRDB

extension SQLiteJobStore {
    package func submit(_ jobs: [NewJob]) async throws(JobStoreError) -> [SubmitOutcome] {
        guard !jobs.isEmpty else { return [] }
        let rows = jobs.map(NewRow.init)  // made here, not in the writer, which everybody waits for
        let limit = configuration.maxDepth
        return try await writer.perform { context in
            let outcomes = try context.judge(jobs)
            let accepted = zip(rows, outcomes).filter { $1 == .accepted($0.job.id) }.map(\.0)
            let depth = try context.depth()
            guard accepted.isEmpty || depth + accepted.count <= limit else {
                throw JobStoreError.full(depth: depth, limit: limit)
            }
            for row in accepted { try context.insert(row) }
            return outcomes
        }
    }
}

/// A new job with its payloads in the form they are stored in.
private struct NewRow: Sendable {
    let job: NewJob
    let headers: Data
    let body: Data
    let metadata: Data?

    init(_ job: NewJob) {
        self.job = job
        self.headers = FieldCodec.encode(job.headers)
        self.body = Data(job.body)
        self.metadata = job.metadata.map { Data($0) }
    }
}

extension WriteContext {
    /// What becomes of each job, later ones seeing earlier ones. Reads only.
    fileprivate func judge(_ jobs: [NewJob]) throws -> [SubmitOutcome] {
        var used: [KeyInUse: (fingerprint: [UInt8], job: JobID)] = [:]
        return try jobs.map { job in
            if let key = job.idempotency {
                let inUse = KeyInUse(tenant: job.tenant, key: key.key)
                if let (fingerprint, id) = try used[inUse] ?? storedUse(of: inUse, at: job.createdAt) {
                    return fingerprint == key.fingerprint ? .existing(id) : .idempotencyConflict(id)
                }
                guard try hasEndpoint(of: job) else { return .unknownEndpoint(job.webhook?.text ?? "") }
                used[inUse] = (key.fingerprint, job.id)
                return .accepted(job.id)
            }
            return try hasEndpoint(of: job) ? .accepted(job.id) : .unknownEndpoint(job.webhook?.text ?? "")
        }
    }

    fileprivate func insert(_ new: NewRow) throws {
        let job = new.job
        try execute(
            """
            INSERT INTO jobs (id, tenant, state, priority, created_at, run_at, deadline, model, webhook)
            VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)
            """,
            [
                job.id.text, job.tenant.text, job.priority.value, job.createdAt.microseconds, job.runAt.microseconds,
                job.deadline?.microseconds, job.model, job.webhook?.text,
            ])
        try execute(
            "INSERT INTO payloads (job, headers, metadata, body) VALUES (?, ?, ?, ?)",
            [database.lastInsertedRowID, new.headers, new.metadata, new.body])
        if let key = job.idempotency {
            try execute(
                "INSERT OR REPLACE INTO idempotency (tenant, key, fingerprint, job, expires_at) VALUES (?, ?, ?, ?, ?)",
                [job.tenant.text, key.key, Data(key.fingerprint), job.id.text, key.expiresAt.microseconds])
        }
        countJob(of: job.tenant.text, from: nil, to: .queued)
        note(.jobs)
    }

    private func storedUse(of use: KeyInUse, at now: Timestamp) throws -> (fingerprint: [UInt8], job: JobID)? {
        let statement = try database.cachedStatement(
            sql: "SELECT fingerprint, job FROM idempotency WHERE tenant = ? AND key = ? AND expires_at > ? LIMIT 1")
        let arguments: StatementArguments = [use.tenant.text, use.key, now.microseconds]
        guard let row = try Row.fetchOne(statement, arguments: arguments) else { return nil }
        let fingerprint: Data = row[0]
        return (Array(fingerprint), try JobID(stored: row[1]))
    }

    private func hasEndpoint(of job: NewJob) throws -> Bool {
        guard case .endpoint(let id) = job.webhook else { return true }
        let statement = try database.cachedStatement(sql: "SELECT 1 FROM endpoints WHERE id = ? AND tenant = ? LIMIT 1")
        return try Int.fetchOne(statement, arguments: [id, job.tenant.text]) != nil
    }
}

private struct KeyInUse: Hashable {
    let tenant: TenantID
    let key: String
}
