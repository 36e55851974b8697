package import Domain
import FoundationEssentials
import GRDB

extension SQLiteJobStore {
    package func claim(
        limit: Int, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim] {
        guard limit > 0 else { return [] }
        return try await writer.perform { context in
            var claims: [Claim] = []
            for priority in Priority.range.reversed() where claims.count < min(limit, 1000) {
                let rows = try context.dueJobs(priority, limit: min(limit, 1000) - claims.count, at: now)
                for row in rows {
                    claims.append(try context.claim(row, by: worker, at: now, until: now.advanced(by: duration)))
                }
            }
            return claims
        }
    }

    package func hasDueJobs(at now: Timestamp) async throws(JobStoreError) -> Bool {
        try await read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_due
                        WHERE state = 0 AND priority = ? AND run_at <= ? AND (deadline IS NULL OR deadline > ?))
                    """)
            return try Priority.range.contains { priority in
                let arguments: StatementArguments = [priority, now.microseconds, now.microseconds]
                return try Bool.fetchOne(statement, arguments: arguments) == true
            }
        }
    }

    package func renew(
        _ leases: [Lease], at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [LeaseRenewal] {
        guard !leases.isEmpty else { return [] }
        return try await writer.perform { context in
            try leases.map { try context.renew($0, until: now.advanced(by: duration)) }
        }
    }
}

extension WriteContext {
    fileprivate func dueJobs(_ priority: Int, limit: Int, at now: Timestamp) throws -> [Row] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT j.row, j.id, j.tenant, j.attempt, j.model, j.created_at, j.deadline, j.first_claimed_at,
                    p.headers, p.body, \(JobHead.chargedAttempts(of: "j.row"))
                FROM jobs j INDEXED BY jobs_due CROSS JOIN payloads p ON p.job = j.row
                WHERE j.state = 0 AND j.priority = ? AND j.run_at <= ? AND (j.deadline IS NULL OR j.deadline > ?)
                ORDER BY j.run_at, j.row LIMIT ?
                """)
        return try Row.fetchAll(statement, arguments: [priority, now.microseconds, now.microseconds, limit])
    }

    fileprivate func claim(_ row: Row, by worker: String, at now: Timestamp, until end: Timestamp) throws -> Claim {
        let number: Int64 = row[0]
        let attempt: Int = row[3] + 1
        let firstClaimedAt = Timestamp(stored: row[7]) ?? now
        let tenant: String = row[2]
        try execute(
            """
            UPDATE jobs SET state = 1, attempt = ?, worker = ?, lease_until = ?, claimed_at = ?, first_claimed_at = ?
            WHERE row = ? AND state = 0
            """,
            [attempt, worker, end.microseconds, now.microseconds, firstClaimedAt.microseconds, number])
        countJob(of: tenant, from: .queued, to: .running)
        let id = try JobID(stored: row[1])
        let body: Data = row[9]
        return Claim(
            lease: Lease(job: id, row: number, attempt: attempt, worker: worker), tenant: try TenantID(stored: tenant),
            body: Array(body), headers: try [HeaderField](stored: row[8]), model: row[4],
            createdAt: Timestamp(microseconds: row[5]), deadline: Timestamp(stored: row[6]),
            firstClaimedAt: firstClaimedAt, chargedAttempts: row[10])
    }

    fileprivate func renew(_ lease: Lease, until end: Timestamp) throws -> LeaseRenewal {
        let statement = try database.cachedStatement(
            sql: """
                UPDATE jobs SET lease_until = ? WHERE row = ? AND attempt = ? AND state = 1 AND id = ?
                RETURNING cancel_requested
                """)
        let arguments: StatementArguments = [end.microseconds, lease.row, lease.attempt, lease.job.text]
        switch try Bool.fetchAll(statement, arguments: arguments).first {
        case nil: return .lost
        case true?: return .cancelRequested
        case false?: return .renewed
        }
    }
}
