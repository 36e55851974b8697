package import Domain

extension SQLiteJobStore {
    package func setShare(_ share: TenantShare) async throws(JobStoreError) {
        try await writer.perform { context in
            let number = try context.numberMakingTenant(share.tenant.text)
            try context.connection.execute(
                "UPDATE tenants SET weight = ?, max_running = ? WHERE number = ?", share.weight, share.maxRunning,
                number)
            try context.audit(.tenantShareSet, share.tenant.text, share.words)
            context.note(.jobs)
        }
    }

    package func prune(
        endedBefore cutoff: Timestamp, after: Int64, limit: Int
    ) async throws(JobStoreError) -> PruneSlice {
        guard limit > 0 else { return PruneSlice(deleted: 0, next: nil) }
        let found = try await read { try $0.prunable(endedBefore: cutoff, after: after, limit: limit) }
        guard !found.rows.isEmpty || !found.loose.isEmpty else { return PruneSlice(deleted: 0, next: found.next) }
        let deleted = try await writer.perform { context in
            for row in found.loose { try context.deleteDelivery(row) }
            return try found.rows.count { row in
                try context.archive(row, at: cutoff)
                return try context.delete(row)
            }
        }
        return PruneSlice(deleted: deleted, next: found.next)
    }

    package func rebase(
        by step: Duration, keeping grace: Duration, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        var moved = 0
        var next: Int64? = 0
        while let start = next {
            let slice = try await writer.perform { context in
                try context.rebaseQueued(by: step, after: start, limit: limit, at: now)
            }
            moved += slice.moved
            next = slice.next
        }
        moved += try await writer.perform { try $0.rebaseRunning(by: step, keeping: grace, at: now) }
        next = 0
        while let start = next {
            let slice = try await writer.perform { try $0.rebaseLanes(by: step, after: start, limit: limit, at: now) }
            moved += slice.moved
            next = slice.next
        }
        return moved
    }

    package func latestTime() async throws(JobStoreError) -> Timestamp? {
        try await read { connection in
            let times = [
                try connection.first("SELECT created_at FROM jobs ORDER BY row DESC LIMIT 1") { $0.time(0) },
                try connection.first("SELECT ended_at FROM ended ORDER BY job DESC LIMIT 1") { $0.time(0) },
                try connection.first("SELECT max(claimed_at) FROM running") { $0.optionalTime(0) } ?? nil,
            ]
            return times.compactMap(\.self).max()
        }
    }

    package func usage() async throws(JobStoreError) -> StoreUsage {
        let path = path
        return try await read { connection in
            let page = Int(try connection.number("PRAGMA page_size"))
            let pages = Int(try connection.number("PRAGMA page_count"))
            let free = Int(try connection.number("PRAGMA freelist_count"))
            return StoreUsage(
                fileBytes: page * pages, freeBytes: page * free, logBytes: FileSize.bytes(of: path + "-wal"))
        }
    }

    package func shrink(by bytes: Int) async throws(JobStoreError) -> Int {
        try await writer.aloneWithLog { connection, mover in
            // While it cannot be moved, because a reader holds it say, giving back would only make it longer.
            guard let left = mover.moveAll(by: connection), left < CheckpointPolicy.worthwhile else { return 0 }
            let page = Int(try connection.number("PRAGMA page_size"))
            let before = Int(try connection.number("PRAGMA page_count"))
            // As rows: each step of this pragma frees one page.
            try connection.script("PRAGMA incremental_vacuum(\(max(1, bytes / page)))")
            mover.moveAll(by: connection)  // it is this that makes the file shorter
            return (before - Int(try connection.number("PRAGMA page_count"))) * page
        }
    }

    /// Writes and syncs a little, to learn whether it can be done.
    func checkWritable() async throws(JobStoreError) {
        try await writer.perform { context in
            try context.connection.execute(
                """
                INSERT INTO counters (name, count) VALUES ('store.checks', 1)
                ON CONFLICT (name) DO UPDATE SET count = count + 1
                """)
        }
    }
}

extension SQLiteConnection {
    /// Jobs to delete, in the order of submission, deliveries of no job to delete, and where to look for jobs next.
    fileprivate func prunable(
        endedBefore cutoff: Timestamp, after: Int64, limit: Int
    ) throws -> (rows: [Int64], loose: [Int64], next: Int64?) {
        let loose = try all(
            """
            SELECT row FROM deliveries INDEXED BY deliveries_loose WHERE job = 0 AND state > 0 AND ended_at < ?
            ORDER BY ended_at LIMIT ?
            """, cutoff, limit
        ) { $0.int64(0) }
        let newest = try first("SELECT max(row) FROM jobs") { $0.int64(0) } ?? 0
        let seen = try all(
            """
            SELECT e.job, e.ended_at, EXISTS (SELECT 1 FROM deliveries d INDEXED BY deliveries_job
                WHERE d.job = e.job AND d.state = 0)
                OR EXISTS (SELECT 1 FROM batch_jobs i JOIN batches b ON b.number = i.batch
                    WHERE i.job = e.job AND (b.ended_at IS NULL OR b.ended_at >= ?))
            FROM ended e WHERE e.job > ? AND e.job < ? ORDER BY e.job LIMIT ?
            """, cutoff, after, newest, limit
        ) { (row: $0.int64(0), endedAt: $0.time(1), isAwaited: $0.bool(2)) }
        let rows = seen.filter { $0.endedAt < cutoff && !$0.isAwaited }.map(\.row)
        guard seen.count == limit, let last = seen.last?.row else {
            return (rows, loose, loose.count == limit ? after : nil)
        }
        // What was submitted after the cutoff cannot have ended before it.
        let createdAt = try first("SELECT created_at FROM jobs WHERE row = ? LIMIT 1", last) { $0.time(0) }
        let isOver = createdAt.map { $0 >= cutoff } ?? false
        return (rows, loose, isOver ? (loose.count == limit ? after : nil) : last)
    }
}

extension WriteContext {
    /// - Returns: how many were moved, and where to go on.
    fileprivate func rebaseQueued(
        by step: Duration, after: Int64, limit: Int, at now: Timestamp
    ) throws -> (moved: Int, next: Int64?) {
        let rows = try connection.all(
            """
            SELECT job FROM queued WHERE job > ?1 AND run_at > ?2 AND (attempt > 0 OR run_at <= (
                SELECT created_at FROM jobs WHERE row = job)) ORDER BY job LIMIT ?3
            """, after, now, limit
        ) { $0.int64(0) }
        for row in rows {
            guard let job = try takeQueued(row) else { continue }
            let runAt = job.runAt.rebased(by: step, to: now)
            try enqueue(job, from: .queued, at: runAt, charged: job.charged)
        }
        return (rows.count, rows.count == limit ? rows.last : nil)
    }

    fileprivate func rebaseRunning(by step: Duration, keeping grace: Duration, at now: Timestamp) throws -> Int {
        try connection.execute(
            """
            UPDATE running SET lease_until = min(lease_until, max(lease_until - ?1, ?3)), claimed_at = min(claimed_at, ?2)
            WHERE claimed_at > ?2
            """, step.microseconds, now, now.advanced(by: grace))
    }

    /// Deliveries lane by lane, and what each lane remembers. - Returns: as above; of deliveries.
    fileprivate func rebaseLanes(
        by step: Duration, after: Int64, limit: Int, at now: Timestamp
    ) throws -> (moved: Int, next: Int64?) {
        let numbers = try connection.all(
            "SELECT number FROM lanes WHERE number > ? ORDER BY number LIMIT ?", after, limit
        ) { $0.int64(0) }
        var moved = 0
        for number in numbers {
            let room = limit - moved
            let count = try rebaseDeliveries(ofLane: number, by: step, limit: room, at: now)
            moved += count
            guard count < room else { return (moved, number - 1) }
            guard var lane = try lane(number) else { continue }
            lane.health.rebase(by: step, to: now)
            lane.waitsUntil = nil
            try reopen(lane, at: now)
        }
        if !numbers.isEmpty { note(.deliveries) }
        return (moved, numbers.count == limit ? numbers.last : nil)
    }

    private func rebaseDeliveries(
        ofLane lane: Int64, by step: Duration, limit: Int, at now: Timestamp
    ) throws -> Int {
        try [false, true].reduce(0) { moved, isInFlight in
            let rows = try connection.all(
                """
                SELECT row FROM deliveries d INDEXED BY deliveries_lane
                WHERE state = 0 AND lane = ?1 AND in_flight = ?2 AND due_at > ?3 AND (created_at > ?3
                    OR EXISTS (SELECT 1 FROM delivery_attempts a WHERE a.delivery = d.row AND a.ended_at > ?3)
                    OR in_flight = 1 AND due_at > ?4 OR in_flight = 0 AND attempt = round_start) LIMIT ?5
                """, lane, isInFlight, now, now.advanced(by: DeliveryLane.longestClaim), limit - moved
            ) { $0.int64(0) }
            for row in rows { try rebaseDelivery(row, by: step, at: now) }
            return moved + rows.count
        }
    }

    /// What a clock that was ahead has set: when it was posted, when it was tried, when it is due.
    private func rebaseDelivery(_ row: Int64, by step: Duration, at now: Timestamp) throws {
        try connection.execute(
            "UPDATE deliveries SET due_at = due_at - ?, created_at = min(created_at, ?) WHERE row = ?",
            step.microseconds, now, row)
        try connection.execute(
            """
            UPDATE delivery_attempts SET started_at = min(started_at, ?1), ended_at = min(ended_at, ?1)
            WHERE delivery = ?2 AND ended_at > ?1
            """, now, row)
    }

    fileprivate func deleteDelivery(_ row: Int64) throws {
        let state = try connection.first(
            "DELETE FROM deliveries WHERE row = ? AND state > 0 RETURNING state", row
        ) { try DeliveryState(stored: $0.int(0)) }
        guard let state else { return }
        try connection.execute("DELETE FROM delivery_attempts WHERE delivery = ?", row)
        countDeliveries(state, by: -1)
    }

    /// - Returns: whether it was there still.
    func delete(_ row: Int64) throws -> Bool {
        let found = try connection.first("DELETE FROM ended WHERE job = ? RETURNING tenant, state", row) {
            ($0.int64(0), try JobState(stored: $0.int(1)))
        }
        guard let (tenant, state) = found else { return false }
        try connection.execute("DELETE FROM jobs WHERE row = ?", row)
        try connection.execute("DELETE FROM attempts WHERE job = ?", row)
        try connection.execute("DELETE FROM reservations WHERE job = ?", row)
        try deleteDeliveries(ofJob: row)
        countJob(of: tenant, from: state, to: nil)
        return true
    }
}
