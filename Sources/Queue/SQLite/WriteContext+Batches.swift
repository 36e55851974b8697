import Domain

/// A batch as its transitions need it.
struct StoredBatch {
    enum Phase: Int {
        case receiving = 0
        case open = 1
        case deleting = 2
    }

    /// Requests of one batch at most, as far as the numbering of ``rows`` goes.
    static let capacity: Int64 = 1 << 20

    let number: Int64
    let tenant: Int64
    let phase: Phase
    let createdAt: Timestamp
    let expiresAt: Timestamp
    let isCanceling: Bool
    let cancelFrom: Int64
    let total: Int

    /// Where its requests stand in `staged`.
    var rows: Range<Int64> { number * Self.capacity..<(number + 1) * Self.capacity }

    init(stored row: SQLiteRow) throws {
        number = row.int64(0)
        tenant = row.int64(1)
        guard let phase = Phase(rawValue: row.int(2)) else {
            throw DamagedValue(description: "damaged file: batch \(number) has no known phase")
        }
        self.phase = phase
        createdAt = row.time(3)
        expiresAt = row.time(4)
        isCanceling = row.optionalTime(5) != nil
        cancelFrom = row.int64(6)
        total = row.int(7)
    }
}

extension WriteContext {
    func storedBatch(_ id: BatchID) throws -> StoredBatch? {
        try connection.first(
            """
            SELECT number, tenant, phase, created_at, expires_at, cancel_initiated_at, cancel_from, total
            FROM batches WHERE id = ? LIMIT 1
            """, id.text, read: StoredBatch.init(stored:))
    }

    private func storedBatch(_ number: Int64) throws -> StoredBatch? {
        try connection.first(
            """
            SELECT number, tenant, phase, created_at, expires_at, cancel_initiated_at, cancel_from, total
            FROM batches WHERE number = ? LIMIT 1
            """, number, read: StoredBatch.init(stored:))
    }

    /// - Returns: the batch that the job is one of.
    private func batch(ofJob row: Int64) throws -> Int64? {
        guard try hasBatches() else { return nil }
        return try connection.first("SELECT batch FROM batch_jobs WHERE job = ? LIMIT 1", row) { $0.int64(0) }
    }

    // MARK: Creation

    /// Above all numbers that an erasure reaches, also those of batches that were deleted since.
    func nextBatchNumber() throws -> Int64 {
        let last = try connection.first(
            """
            SELECT max(coalesce((SELECT max(number) FROM batches), 0),
                coalesce((SELECT max(batches_through) FROM erasures), 0))
            """
        ) { $0.int64(0) }
        return (last ?? 0) + 1
    }

    /// Keeps a request of a batch that is being received.
    func stage(_ item: BatchItem, of tenant: Int64, at row: Int64) throws {
        let request = try StoredRequest(
            item.body, item.digest, headers: [], of: item.job, under: payloadKey(of: tenant))
        // It will be the result.
        let place = PayloadPlace(.result, of: item.job.text)
        let refusal = try item.refusal.map { try stored($0, as: place, of: tenant).bytes }
        try connection.execute(
            """
            INSERT INTO staged (row, custom_id, job, model, digest, refusal, body, sealed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """, row, item.customID.text, item.job.text, item.model, request.headers, refusal, request.body,
            request.form.rawValue)
    }

    // MARK: Endings

    /// Counts a job that has just ended for its batch, if it is one of a batch.
    func countInBatch(_ row: Int64, endedAs state: JobState, at now: Timestamp) throws {
        guard let number = try batch(ofJob: row) else { return }
        countEnding(ofBatch: number, as: state, at: now)
    }

    func announceEnd(ofBatch number: Int64, at now: Timestamp) throws {
        guard let (tenant, batch) = try connection.batch(number) else { return }
        try announce(.batchEnded, batch.endedData, to: tenant, at: now)
    }

    /// Whether the job's batch was cancelled while the job was under way: it is then not tried again.
    func isBatchCanceled(ofJob row: Int64) throws -> Bool {
        guard let number = try batch(ofJob: row) else { return false }
        return try storedBatch(number)?.isCanceling ?? false
    }

    /// Forgets that the job was one of a batch, whose results are incomplete from now on.
    func archive(_ row: Int64, at now: Timestamp) throws {
        guard let number = try batch(ofJob: row) else { return }
        try connection.execute("DELETE FROM batch_jobs WHERE job = ?", row)
        try connection.execute(
            "UPDATE batches SET archived_at = coalesce(archived_at, max(?, coalesce(ended_at, 0))) WHERE number = ?",
            now, number)
    }

    // MARK: Steps

    /// One step of what the batch needs. - Returns: requests that were moved.
    /// - Parameter abandonedBefore: looked at again, for a part may have come since the batch was found.
    func advance(_ number: Int64, limit: Int, abandonedBefore: Timestamp, at now: Timestamp) throws -> Int {
        guard let batch = try storedBatch(number) else { return 0 }
        switch batch.phase {
        case .receiving:
            try connection.execute(
                "UPDATE batches SET phase = 2 WHERE number = ? AND touched_at < ?", number, abandonedBefore)
            return 0
        case .open:
            let released = try release(batch, limit: limit, at: now)
            guard released == 0 else { return released }
            return batch.isCanceling ? try cancelNext(batch, limit: limit, at: now) : try rest(batch)
        case .deleting: return try deleteNext(batch, limit: limit)
        }
    }

    /// There is nothing to do for the batch until somebody asks.
    private func rest(_ batch: StoredBatch) throws -> Int {
        try connection.execute("UPDATE batches SET busy = 0 WHERE number = ?", batch.number)
        return 0
    }

    /// Turns the batch's next requests into jobs.
    private func release(_ batch: StoredBatch, limit: Int, at now: Timestamp) throws -> Int {
        let staged = try connection.all(
            """
            SELECT row, custom_id, refusal, length(body), model, sealed FROM staged WHERE row >= ? AND row < ? ORDER BY row LIMIT ?
            """, batch.rows.lowerBound, batch.rows.upperBound, limit
        ) {
            try StagedRequest(stored: $0)
        }
        var (moved, bytes) = (0, 0)
        let isErased = try erasure(of: batch.tenant).map { batch.number <= $0.batches } ?? false
        let reservedAt = staged.isEmpty ? nil : try reservationTime(of: batch)
        for request in staged {
            guard moved == 0 || bytes + request.bytes <= Self.bytesOfStep else { break }
            try release(request, of: batch, isErased: isErased, reservedAt: reservedAt, at: now)
            moved += 1
            bytes += request.bytes
        }
        countStaged(of: batch.tenant, by: -moved)
        return moved
    }

    /// - Parameter reservedAt: when the batch was let in under a budget; nil if it was not.
    private func release(
        _ request: StagedRequest, of batch: StoredBatch, isErased: Bool, reservedAt: Timestamp?, at now: Timestamp
    ) throws {
        try connection.execute(
            """
            INSERT INTO jobs (id, tenant, created_at, priority, deadline, model, headers, body, sealed)
            SELECT s.job, b.tenant, b.created_at, ?1, b.expires_at, s.model, CAST(b.headers || s.digest AS BLOB),
                CASE WHEN ?4 THEN x'' ELSE s.body END, CASE WHEN ?4 THEN 2 ELSE s.sealed END
            FROM staged s, batches b WHERE s.row = ?2 AND b.number = ?3
            """, Priority.batch.value, request.row, batch.number, isErased)
        let row = connection.lastInsertedRow
        try connection.execute("DELETE FROM staged WHERE row = ?", request.row)
        try connection.execute(
            "INSERT INTO batch_jobs (job, batch, custom_id) VALUES (?, ?, ?)", row, batch.number, request.customID)
        if let reservedAt { try moveReservation(from: request.row, to: row, of: batch.tenant, madeAt: reservedAt) }
        let job = OpenJob(
            row: row, tenant: batch.tenant, models: try classNumber(of: request.model), priority: Priority.batch.value,
            runAt: batch.createdAt, deadline: batch.expiresAt, bytes: request.bytes)
        if batch.isCanceling {
            try end(job, from: nil, as: .canceled, because: .jobCanceled, at: now)
        } else if batch.expiresAt <= now {
            try end(job, from: nil, as: .expired, because: .jobDeadlinePassed, at: now)
        } else if let refusal = request.refusal {
            let result = JobResult(
                status: 400, headers: [HeaderField("content-type", "application/json")], body: refusal)
            try end(job, from: nil, as: .errored, with: result, request.form, at: now)
        } else {
            try enqueue(job, from: nil, at: min(batch.createdAt, now), charged: 0)
        }
    }

    private func cancelNext(_ batch: StoredBatch, limit: Int, at now: Timestamp) throws -> Int {
        let jobs = try connection.all(
            "SELECT job FROM batch_jobs INDEXED BY batch_jobs_batch WHERE batch = ? AND job > ? ORDER BY job LIMIT ?",
            batch.number, batch.cancelFrom, limit
        ) { $0.int64(0) }
        guard let last = jobs.last else { return try rest(batch) }
        for row in jobs {
            guard let job = try takeQueued(row) else { continue }
            try end(job, from: .queued, as: .canceled, because: .jobCanceled, at: now)
        }
        try connection.execute("UPDATE batches SET cancel_from = ? WHERE number = ?", last, batch.number)
        return jobs.count
    }

    private func deleteNext(_ batch: StoredBatch, limit: Int) throws -> Int {
        let staged = try connection.execute(
            "DELETE FROM staged WHERE row IN (SELECT row FROM staged WHERE row >= ? AND row < ? ORDER BY row LIMIT ?)",
            batch.rows.lowerBound, batch.rows.upperBound, limit)
        guard staged == 0 else { return staged }
        try forgetReservations(of: batch)
        let newest = try connection.first("SELECT max(row) FROM jobs") { $0.int64(0) } ?? 0
        let jobs = try connection.all(
            "SELECT job FROM batch_jobs INDEXED BY batch_jobs_batch WHERE batch = ? ORDER BY job LIMIT ?",
            batch.number, limit
        ) { $0.int64(0) }
        for row in jobs {
            try connection.execute("DELETE FROM batch_jobs WHERE job = ?", row)
            if row < newest { _ = try delete(row) }  // the newest stays, so that its number is not given again
        }
        if jobs.count < limit { try connection.execute("DELETE FROM batches WHERE number = ?", batch.number) }
        return jobs.count
    }

    /// Bodies that one step moves, at most, unless one is larger.
    static let bytesOfStep = 4 << 20
}

/// A request of an accepted batch that is no job yet.
private struct StagedRequest {
    let row: Int64
    let customID: String
    let refusal: [UInt8]?
    /// Of the body, as it came.
    let bytes: Int
    let model: String
    let form: PayloadForm

    /// Reads `row, custom_id, refusal, length(body), model, sealed`.
    init(stored row: SQLiteRow) throws {
        form = try PayloadForm(stored: row.int(5))
        self.row = row.int64(0)
        customID = row.text(1)
        refusal = row.optionalBytes(2)
        bytes = row.int(3) - (form == .sealed ? StoredRequest.overhead : 0)
        model = row.text(4)
    }
}
