package import Domain
import Synchronization

extension SQLiteJobStore: ErasureStore {
    /// Seals and opens what tenants send and get with `keeping` from now on: its keyring may be known only once the store is
    /// open.
    package func keepPayloads(with keeping: PayloadKeeping) {
        payloadKeys.adopt(keeping)
    }

    package func erasable(of tenant: TenantID) async throws(JobStoreError) -> ErasureScope? {
        try await read { try $0.erasureScope(of: tenant) }
    }

    package func erase(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> ErasureScope? {
        let scope = try await writer.perform { context -> ErasureScope? in
            try context.flush()
            guard let number = try context.number(of: tenant.text),
                let scope = try context.connection.erasureScope(of: tenant)
            else { return nil }
            try context.audit(.tenantErased, tenant.text, scope.words)
            try context.erase(number, tenant, at: now)
            return scope
        }
        guard scope != nil else { return nil }
        try? await emptyLogIfWanted()  // or the mover, once nobody is in the way
        try? await forgetDroppedKeys()  // or a second later
        return scope
    }

    package func advanceErasures(limit: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        // Looked for beside the writer: mostly there is nothing, and then nobody is disturbed.
        let busy = try await read { connection in
            try connection.first("SELECT tenant FROM erasures INDEXED BY erasures_busy WHERE busy = 1 LIMIT 1") {
                $0.int64(0)
            }
        }
        guard let busy else {
            try await emptyLogIfWanted()
            return 0
        }
        let place = erasedKeys.withLock { $0 }
        let (moved, next) = try await writer.perform { context in
            var place = place
            let moved = try context.advanceErasure(of: busy, limit: max(limit, 1), from: &place, at: now)
            return (moved, place)
        }
        erasedKeys.withLock { $0 = next }
        return moved
    }

    /// The log, too, holds the row of a dropped key, and what was emptied: its file is made empty, if an erasure still wants it
    /// and nobody reads from it. Nobody is waited for: writers wait meanwhile.
    private func emptyLogIfWanted() async throws(JobStoreError) {
        guard let wanted = try await read({ try $0.logWish() }) else { return }
        let isEmpty = try await writer.aloneWithLog { connection, log in
            try log.moveAll(by: connection) == 0 && connection.emptyLog()
        }
        guard isEmpty else { return }
        try await writer.perform { context in
            _ = try context.connection.execute(
                """
                INSERT INTO counters (name, count) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET count = max(count, excluded.count)
                """, Schema.logEmptyings, wanted)
        }
    }

    package func forgetDroppedKeys() async throws(JobStoreError) {
        let keys = payloadKeys
        try await probe { connection in
            let revision = try connection.first("SELECT count FROM counters WHERE name = ? LIMIT 1", Schema.keyDrops) {
                $0.int64(0)
            }
            guard let suspects = keys.suspects(at: revision ?? 0) else { return }
            let dropped = try suspects.names.filter { name in
                try connection.first("SELECT 1 FROM data_keys WHERE name = ? LIMIT 1", name.bytes) { _ in true } == nil
            }
            keys.forget(dropped, of: suspects)
        }
    }

    /// How many data keys this process has open.
    var openKeyCount: Int { payloadKeys.count }
}

extension Schema {
    /// Counts the data keys that were dropped.
    static let keyDrops = "payloads.drops"
    /// Counts how often an erasure has written something after which the log is to be emptied.
    static let logWishes = "payloads.log_wishes"
    /// Up to which of these it has been.
    static let logEmptyings = "payloads.log_emptyings"
}

extension SQLiteConnection {
    fileprivate func erasureScope(of tenant: TenantID) throws -> ErasureScope? {
        let found = try first(
            """
            SELECT number, queued, running, succeeded, errored, canceled, expired, staged FROM tenants WHERE name = ?
            LIMIT 1
            """, tenant.text
        ) { (number: $0.int64(0), jobs: [JobState: Int](stored: $0, from: 1), staged: $0.int(7)) }
        guard let found else { return nil }
        let batches = try first(
            "SELECT count(*) FROM batches INDEXED BY batches_tenant WHERE phase = 1 AND tenant = ?", found.number
        ) { $0.int(0) }
        let hasKey = try first("SELECT 1 FROM data_keys WHERE tenant = ? LIMIT 1", tenant.text) { _ in true } ?? false
        return ErasureScope(jobs: found.jobs, batches: batches ?? 0, staged: found.staged, hasDataKey: hasKey)
    }

    /// The last wish that the log be emptied; nil if it has been since.
    fileprivate func logWish() throws -> Int64? {
        try first(
            """
            SELECT count FROM counters WHERE name = ?1
                AND count > coalesce((SELECT e.count FROM counters e WHERE e.name = ?2), 0) LIMIT 1
            """, Schema.logWishes, Schema.logEmptyings
        ) { $0.int64(0) }
    }
}

/// Up to which of a tenant's idempotency keys an erasure has looked. Not stored: what it has deleted is gone, so that a
/// process that begins anew has only to look again.
struct ErasedKeys: Hashable {
    let tenant: Int64
    /// The erasure's, which a later one has changed.
    let jobsThrough: Int64
    fileprivate(set) var key = ""
}

extension WriteContext {
    fileprivate func erase(_ tenant: Int64, _ name: TenantID, at now: Timestamp) throws {
        try connection.execute("DELETE FROM data_keys WHERE tenant = ?", name.text)
        try connection.execute(
            """
            INSERT INTO erasures (tenant, jobs_through, batches_through, erased_at)
            VALUES (?, (SELECT coalesce(max(row), 0) FROM jobs), (SELECT coalesce(max(number), 0) FROM batches), ?)
            ON CONFLICT (tenant) DO UPDATE SET jobs_through = excluded.jobs_through,
                batches_through = excluded.batches_through, erased_at = excluded.erased_at, busy = 1
            """, tenant, now)
        try connection.execute("UPDATE running SET cancel_requested = 1 WHERE tenant = ?", tenant)
        // What is being received was sealed in part, and is not acknowledged: its client sends it again.
        try connection.execute("UPDATE batches SET phase = 2 WHERE tenant = ? AND phase = 0", tenant)
        try connection.execute(
            """
            UPDATE batches SET cancel_initiated_at = coalesce(cancel_initiated_at, ?), busy = 1
            WHERE tenant = ? AND phase = 1 AND ended_at IS NULL
            """, now, tenant)
        try connection.execute(
            "UPDATE batches SET key = NULL, fingerprint = NULL WHERE tenant = ? AND key IS NOT NULL", tenant)
        try count(Schema.keyDrops)
        try count(Schema.logWishes)
        payloads = PayloadChanges()
        note(.cancels)
        note(.batches)
        note(.results)
    }

    private func count(_ name: String) throws {
        try connection.execute(
            """
            INSERT INTO counters (name, count) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1
            """, name)
    }

    fileprivate func advanceErasure(
        of tenant: Int64, limit: Int, from place: inout ErasedKeys?, at now: Timestamp
    ) throws -> Int {
        let found = try connection.first(
            "SELECT jobs_through, cursor FROM erasures WHERE tenant = ? AND busy = 1 LIMIT 1", tenant
        ) { (through: $0.int64(0), cursor: $0.int64(1)) }
        guard let (through, cursor) = found else { return 1 }  // another process has done it
        let rows = try nextRows(of: tenant, after: cursor, through: through, limit: limit)
        for row in rows { try empty(row, at: now) }
        if let last = rows.last {
            try connection.execute("UPDATE erasures SET cursor = ? WHERE tenant = ?", last, tenant)
        } else if try !forgetKeys(of: tenant, through: through, limit: 20 * limit, from: &place) {
            try connection.execute("UPDATE erasures SET busy = 0 WHERE tenant = ?", tenant)
            try count(Schema.logWishes)  // it holds what the steps have emptied
        }
        return max(rows.count, 1)
    }

    /// Jobs of one step: no more plain bytes than others can wait for, unless one job has more.
    private func nextRows(of tenant: Int64, after cursor: Int64, through: Int64, limit: Int) throws -> [Int64] {
        let found = try connection.all(
            """
            SELECT j.row, CASE j.sealed WHEN 0 THEN length(j.body) ELSE 0 END
                + coalesce((SELECT length(e.body) FROM ended e WHERE e.job = j.row AND e.sealed = 0), 0)
            FROM jobs j INDEXED BY jobs_tenant WHERE j.tenant = ? AND j.row > ? AND j.row <= ? ORDER BY j.row LIMIT ?
            """, tenant, cursor, through, limit
        ) { (row: $0.int64(0), bytes: $0.int(1)) }
        var bytes = 0
        return found.prefix { job in
            defer { bytes += job.bytes }
            return bytes == 0 || bytes + job.bytes <= Self.bytesOfStep
        }.map(\.row)
    }

    /// Ends the job if it waits, and empties what of it is not sealed.
    private func empty(_ row: Int64, at now: Timestamp) throws {
        if let job = try takeQueued(row) {
            try end(job, from: .queued, as: .canceled, because: .jobCanceled, at: now)
        }
        try connection.execute(
            "UPDATE jobs SET body = x'', metadata = NULL, headers = x'', sealed = 2 WHERE row = ? AND sealed = 0", row)
        try connection.execute("UPDATE ended SET body = x'', sealed = 2 WHERE job = ? AND sealed = 0", row)
        try connection.execute(
            """
            UPDATE delivery_attempts SET answer = x'', sealed = 2 WHERE sealed = 0 AND delivery IN (
                SELECT row FROM deliveries INDEXED BY deliveries_job WHERE job = ?)
            """, row)
    }

    /// Deletes idempotency keys, each with the hash of what it was used for: those among the next `limit` that the erasure
    /// reaches. No index leads from a job to its key. - Returns: whether there were any to look at.
    private func forgetKeys(
        of tenant: Int64, through row: Int64, limit: Int, from place: inout ErasedKeys?
    ) throws -> Bool {
        var here = ErasedKeys(tenant: tenant, jobsThrough: row)
        if let place, place.tenant == tenant, place.jobsThrough == row { here = place }
        let last =
            try connection.first(
                """
                SELECT max(key) FROM (
                    SELECT key FROM idempotency WHERE tenant = ?1 AND key > ?2 ORDER BY key LIMIT ?3)
                """, tenant, here.key, limit
            ) { $0.optionalText(0) } ?? nil
        guard let last else {
            place = nil
            return false
        }
        try connection.execute(
            "DELETE FROM idempotency WHERE tenant = ? AND key > ? AND key <= ? AND job <= ?", tenant, here.key, last,
            row)
        here.key = last
        place = here
        return true
    }
}
