package import Domain

extension SQLiteJobStore: BatchStore {
    // MARK: Creation

    package func beginBatch(_ batch: NewBatch) async throws(JobStoreError) {
        try await writer.perform { context in
            let tenant = try context.numberMakingTenant(batch.tenant.text)
            try context.connection.execute(
                """
                INSERT INTO batches (number, id, tenant, phase, busy, created_at, expires_at, touched_at, headers)
                VALUES (?, ?, ?, 0, 1, ?, ?, ?, ?)
                """, context.nextBatchNumber(), batch.id.text, tenant, batch.createdAt, batch.expiresAt,
                batch.createdAt, FieldCodec.encode(batch.headers))
        }
    }

    package func addToBatch(
        _ id: BatchID, _ items: [BatchItem], at now: Timestamp
    ) async throws(JobStoreError) -> BatchAddition {
        let bytes = items.reduce(0) { $0 + $1.body.count }
        return try await sealing { () async throws(JobStoreError) in
            try await writer.perform(bytes: bytes) { try $0.add(items, to: id, at: now) }
        }
    }

    package func openBatch(
        _ id: BatchID, idempotency: IdempotencyKey?, at now: Timestamp
    ) async throws(JobStoreError) -> BatchOpening {
        let limit = configuration.maxDepth
        return try await sealing { () async throws(JobStoreError) in
            try await writer.perform { try $0.open(id, idempotency: idempotency, limit: limit, at: now) }
        }
    }

    package func abandonBatch(_ id: BatchID) async throws(JobStoreError) {
        try await writer.perform { context in
            try context.connection.execute("UPDATE batches SET phase = 2 WHERE id = ? AND phase = 0", id.text)
            context.note(.batches)
        }
    }

    // MARK: Owners

    package func batch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> BatchRecord? {
        try await read { connection in
            try connection.batch(id).flatMap { $0.tenant == tenant ? $0 : nil }
        }
    }

    package func batches(_ query: BatchQuery) async throws(JobStoreError) -> BatchPage {
        try await read { try $0.page(of: query) }
    }

    package func batchResults(
        _ id: BatchID, of tenant: TenantID, after: Int64, limit: Int, bytes: Int
    ) async throws(JobStoreError) -> [BatchResult] {
        let keys = payloadKeys
        return try await sealing { () async throws(JobStoreError) in
            try await read {
                try $0.batchResults(id, of: tenant, after: after, limit: limit, bytes: bytes, by: keys)
            }
        }
    }

    package func cancelBatch(
        _ id: BatchID, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) -> BatchRecord? {
        try await writer.perform { context in
            guard let batch = try context.connection.batch(id), batch.tenant == tenant else { return nil }
            try context.connection.execute(
                """
                UPDATE batches SET cancel_initiated_at = ?, busy = 1
                WHERE id = ? AND ended_at IS NULL AND cancel_initiated_at IS NULL
                """, now, id.text)
            context.note(.batches)
            return try context.connection.batch(id)
        }
    }

    package func deleteBatch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> Bool? {
        try await writer.perform { context in
            guard let batch = try context.connection.batch(id), batch.tenant == tenant else { return nil }
            guard batch.status == .ended else { return false }
            try context.connection.execute("UPDATE batches SET phase = 2, busy = 1 WHERE id = ?", id.text)
            context.note(.batches)
            return true
        }
    }

    // MARK: Upkeep

    package func advanceBatches(
        limit: Int, abandonedBefore: Timestamp, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        // Looked for beside the writer: mostly there is nothing, and then nobody is disturbed.
        let busy = try await read { connection in
            try connection.first(
                """
                SELECT number FROM batches INDEXED BY batches_busy
                WHERE busy = 1 AND (phase > 0 OR touched_at < ?) ORDER BY phase, number LIMIT 1
                """, abandonedBefore
            ) { $0.int64(0) }
        }
        guard let busy else { return 0 }
        let moved = try await writer.perform {
            try $0.advance(busy, limit: limit, abandonedBefore: abandonedBefore, at: now)
        }
        return max(moved, 1)  // that the batch needs nothing more is a step, too
    }
}

extension WriteContext {
    fileprivate func add(_ items: [BatchItem], to id: BatchID, at now: Timestamp) throws -> BatchAddition {
        guard let batch = try storedBatch(id), batch.phase == .receiving,
            Int64(batch.total + items.count) < StoredBatch.capacity
        else { return .gone }
        if let twice = try firstUsedName(of: items, in: batch) { return .duplicate(twice) }
        let isBudgeted = try !(limits(of: batch.tenant)?.limits.budget.isNone ?? true)
        for (index, item) in items.enumerated() {
            let row = batch.rows.lowerBound + Int64(batch.total + index)
            try stage(item, of: batch.tenant, at: row)
            if isBudgeted, item.refusal == nil, let demand = item.demand { try stageDemand(demand, at: row) }
        }
        try connection.execute(
            "UPDATE batches SET total = total + ?, touched_at = ? WHERE number = ?", items.count, now,
            batch.number)
        return .added
    }

    fileprivate func open(
        _ id: BatchID, idempotency: IdempotencyKey?, limit: Int, at now: Timestamp
    ) throws -> BatchOpening {
        guard let batch = try storedBatch(id), batch.phase == .receiving else { return .gone }
        if let idempotency, let first = try firstUse(of: idempotency, by: batch.tenant, at: now) {
            try connection.execute("UPDATE batches SET phase = 2 WHERE number = ?", batch.number)
            return first
        }
        if let refusal = try admit(batch, limit: limit, at: now) {
            try connection.execute("UPDATE batches SET phase = 2 WHERE number = ?", batch.number)
            return .refused(refusal)
        }
        try connection.execute(
            "UPDATE batches SET phase = 1, key = ?, key_expires_at = ?, fingerprint = ? WHERE number = ?",
            idempotency?.key, idempotency?.expiresAt,
            idempotency.map { try storedFingerprint($0.fingerprint, of: batch.tenant) }, batch.number)
        countStaged(of: batch.tenant, by: batch.total)
        note(.batches)
        guard let record = try connection.batch(id) else { return .gone }
        return .opened(record)
    }

    /// The first name that the batch has already, or that `items` have twice.
    private func firstUsedName(of items: [BatchItem], in batch: StoredBatch) throws -> CustomID? {
        var seen: Set<CustomID> = []
        return try items.first { item in
            guard seen.insert(item.customID).inserted else { return true }
            return try connection.first(
                "SELECT 1 FROM staged INDEXED BY staged_names WHERE row >> 20 = ? AND custom_id = ? LIMIT 1",
                batch.number, item.customID.text
            ) { _ in true } ?? false
        }?.customID
    }

    private func firstUse(
        of idempotency: IdempotencyKey, by tenant: Int64, at now: Timestamp
    ) throws -> BatchOpening? {
        let first = try connection.first(
            """
            SELECT id, fingerprint FROM batches INDEXED BY batches_key
            WHERE tenant = ? AND key = ? AND key_expires_at > ? AND phase = 1 LIMIT 1
            """, tenant, idempotency.key, now
        ) { (try BatchID(stored: $0.text(0)), $0.bytes(1)) }
        guard let (id, fingerprint) = first, let record = try connection.batch(id) else { return nil }
        let isSame = try isFingerprint(fingerprint, of: idempotency.fingerprint, by: tenant)
        return isSame ? .existing(record) : .idempotencyConflict(id)
    }
}

extension SQLiteConnection {
    fileprivate func batchResults(
        _ id: BatchID, of tenant: TenantID, after: Int64, limit: Int, bytes: Int, by keys: PayloadKeys
    ) throws -> [BatchResult] {
        if let batch = try batch(id), batch.tenant == tenant, batch.isErased { throw JobStoreError.erased }
        let rows = try all(
            """
            SELECT j.job, length(e.body), e.sealed FROM batches b JOIN tenants t ON t.number = b.tenant
                JOIN batch_jobs j INDEXED BY batch_jobs_batch ON j.batch = b.number JOIN ended e ON e.job = j.job
            WHERE b.id = ? AND b.phase = 1 AND t.name = ? AND j.job > ? ORDER BY j.job LIMIT ?
            """, id.text, tenant.text, after, limit
        ) { (row: $0.int64(0), bytes: $0.int(1) - ($0.int(2) == 1 ? SealedPayload.overhead : 0)) }
        var sum = 0
        let wanted = rows.prefix { row in
            defer { sum += row.bytes }
            return sum == 0 || sum + row.bytes <= bytes
        }
        return try wanted.compactMap { try batchResult($0.row, by: keys) }
    }

    /// An accepted batch.
    fileprivate func batch(_ id: BatchID) throws -> BatchRecord? {
        try first(
            """
            SELECT b.id, t.name, b.created_at, b.expires_at, b.cancel_initiated_at, b.ended_at, b.archived_at, b.total,
                b.succeeded, b.errored, b.canceled, b.expired,
                b.number <= coalesce((SELECT x.batches_through FROM erasures x WHERE x.tenant = b.tenant), 0)
            FROM batches b JOIN tenants t ON t.number = b.tenant WHERE b.id = ? AND b.phase = 1 LIMIT 1
            """, id.text, read: BatchRecord.init(stored:))
    }

    func batch(_ number: Int64) throws -> (tenant: Int64, record: BatchRecord)? {
        try first(
            """
            SELECT b.id, t.name, b.created_at, b.expires_at, b.cancel_initiated_at, b.ended_at, b.archived_at, b.total,
                b.succeeded, b.errored, b.canceled, b.expired,
                b.number <= coalesce((SELECT x.batches_through FROM erasures x WHERE x.tenant = b.tenant), 0), b.tenant
            FROM batches b JOIN tenants t ON t.number = b.tenant WHERE b.number = ? LIMIT 1
            """, number
        ) { (tenant: $0.int64(13), record: try BatchRecord(stored: $0)) }
    }

    fileprivate func page(of query: BatchQuery) throws -> BatchPage {
        let tenant = try first("SELECT number FROM tenants WHERE name = ? LIMIT 1", query.tenant.text) { $0.int64(0) }
        guard let tenant else { return BatchPage(batches: [], hasMore: false) }
        let found: [BatchRecord]
        switch query.start {
        case .newest: found = try older(than: .max, of: tenant, limit: query.limit + 1)
        case .after(let id): found = try older(than: upperBound(of: id, tenant), of: tenant, limit: query.limit + 1)
        case .before(let id): found = try newer(than: lowerBound(of: id, tenant), of: tenant, limit: query.limit + 1)
        }
        let page = found.prefix(query.limit)
        if case .before = query.start {
            return BatchPage(batches: page.reversed(), hasMore: found.count > query.limit)
        }
        return BatchPage(batches: Array(page), hasMore: found.count > query.limit)
    }

    /// The number of the batch, or of the next newer one if it has been deleted: names sort by time.
    private func upperBound(of id: BatchID, _ tenant: Int64) throws -> Int64 {
        try first(
            "SELECT number FROM batches WHERE id >= ? AND tenant = ? ORDER BY id LIMIT 1", id.text, tenant
        ) { $0.int64(0) } ?? .max
    }

    /// The same, or of the next older one.
    private func lowerBound(of id: BatchID, _ tenant: Int64) throws -> Int64 {
        try first(
            "SELECT number FROM batches WHERE id <= ? AND tenant = ? ORDER BY id DESC LIMIT 1", id.text, tenant
        ) { $0.int64(0) } ?? 0
    }

    /// Newest first.
    private func older(than number: Int64, of tenant: Int64, limit: Int) throws -> [BatchRecord] {
        try all(
            """
            SELECT b.id, t.name, b.created_at, b.expires_at, b.cancel_initiated_at, b.ended_at, b.archived_at, b.total,
                b.succeeded, b.errored, b.canceled, b.expired,
                b.number <= coalesce((SELECT x.batches_through FROM erasures x WHERE x.tenant = b.tenant), 0)
            FROM batches b INDEXED BY batches_tenant JOIN tenants t ON t.number = b.tenant
            WHERE b.phase = 1 AND b.tenant = ? AND b.number < ? ORDER BY b.number DESC LIMIT ?
            """, tenant, number, limit, read: BatchRecord.init(stored:))
    }

    /// Oldest first.
    private func newer(than number: Int64, of tenant: Int64, limit: Int) throws -> [BatchRecord] {
        try all(
            """
            SELECT b.id, t.name, b.created_at, b.expires_at, b.cancel_initiated_at, b.ended_at, b.archived_at, b.total,
                b.succeeded, b.errored, b.canceled, b.expired,
                b.number <= coalesce((SELECT x.batches_through FROM erasures x WHERE x.tenant = b.tenant), 0)
            FROM batches b INDEXED BY batches_tenant JOIN tenants t ON t.number = b.tenant
            WHERE b.phase = 1 AND b.tenant = ? AND b.number > ? ORDER BY b.number LIMIT ?
            """, tenant, number, limit, read: BatchRecord.init(stored:))
    }

    fileprivate func batchResult(_ row: Int64, by keys: PayloadKeys) throws -> BatchResult? {
        try first(
            """
            SELECT e.status, e.headers, e.body, e.sealed, e.state, b.custom_id, j.id
            FROM ended e JOIN batch_jobs b ON b.job = e.job JOIN jobs j ON j.row = e.job WHERE e.job = ? LIMIT 1
            """, row
        ) {
            BatchResult(
                position: row, customID: $0.text(5), state: try JobState(stored: $0.int(4)),
                result: try jobResult($0, of: JobID(stored: $0.text(6)), by: keys))
        }
    }
}

extension BatchID {
    fileprivate init(stored text: String) throws {
        guard let id = BatchID(text) else { throw DamagedValue(description: "damaged file: '\(text)' is no batch id") }
        self = id
    }
}

extension BatchRecord {
    fileprivate init(stored row: SQLiteRow) throws {
        self.init(
            id: try BatchID(stored: row.text(0)), tenant: try TenantID(stored: row.text(1)), createdAt: row.time(2),
            expiresAt: row.time(3), cancelInitiatedAt: row.optionalTime(4), endedAt: row.optionalTime(5),
            archivedAt: row.optionalTime(6), total: row.int(7),
            ended: [
                .succeeded: row.int(8), .errored: row.int(9), .canceled: row.int(10), .expired: row.int(11),
            ], isErased: row.bool(12))
    }
}
