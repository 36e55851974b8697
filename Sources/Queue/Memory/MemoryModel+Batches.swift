import Domain

extension MemoryModel {
    struct Batch: Sendable {
        enum Phase: Sendable {
            case receiving, open, deleting, gone
        }

        let new: NewBatch
        var phase = Phase.receiving
        var touchedAt: Timestamp
        /// Requests that are no jobs yet.
        var staged: [BatchItem] = []
        /// The jobs of the others, with their names, in the order of submission.
        var jobs: [(id: JobID, customID: CustomID)] = []
        var total = 0
        var idempotency: IdempotencyKey?
        var cancelInitiatedAt: Timestamp?
        /// So many of its jobs have been looked at by the cancellation.
        var cancelFrom = 0
        var endedAt: Timestamp?
        var archivedAt: Timestamp?
        /// When it was let in under a budget.
        var reservedAt: Timestamp?
        var ended: [JobState: Int] = [.succeeded: 0, .errored: 0, .canceled: 0, .expired: 0]
        var isBusy = true
        /// With its tenant's data.
        var isErased = false

        /// What its requests may take that are no jobs yet; nil if that of one is unknown.
        var demand: BudgetAmount? {
            let demands = staged.filter { $0.refusal == nil }.map(\.demand)
            return demands.contains(nil) ? nil : demands.compactMap(\.self).reduce(.nothing, +)
        }

        var record: BatchRecord {
            BatchRecord(
                id: new.id, tenant: new.tenant, createdAt: new.createdAt, expiresAt: new.expiresAt,
                cancelInitiatedAt: cancelInitiatedAt, endedAt: endedAt, archivedAt: archivedAt, total: total,
                ended: ended, isErased: isErased)
        }
    }

    // MARK: Creation

    private func index(of id: BatchID, in phase: Batch.Phase) -> Int? {
        batches.firstIndex { $0.new.id == id && $0.phase == phase }
    }

    func openIndex(of id: BatchID, _ tenant: TenantID) -> Int? {
        index(of: id, in: .open).flatMap { batches[$0].new.tenant == tenant ? $0 : nil }
    }

    mutating func addToBatch(_ id: BatchID, _ items: [BatchItem], at now: Timestamp) -> BatchAddition {
        guard let index = index(of: id, in: .receiving) else { return .gone }
        var seen = Set(batches[index].staged.map(\.customID))
        for item in items where !seen.insert(item.customID).inserted { return .duplicate(item.customID) }
        batches[index].staged += items
        batches[index].total += items.count
        batches[index].touchedAt = now
        return .added
    }

    mutating func openBatch(
        _ id: BatchID, idempotency: IdempotencyKey?, maxDepth: Int, at now: Timestamp
    ) throws(JobStoreError) -> BatchOpening {
        guard let index = index(of: id, in: .receiving) else { return .gone }
        let first = batches.first { batch in
            guard let idempotency, let used = batch.idempotency, batch.phase == .open else { return false }
            return batch.new.tenant == batches[index].new.tenant && used.key == idempotency.key && used.expiresAt > now
        }
        if let first {
            batches[index].phase = .deleting
            let isSame = first.idempotency?.fingerprint == idempotency?.fingerprint
            return isSame ? .existing(first.record) : .idempotencyConflict(first.new.id)
        }
        let (tenant, total) = (batches[index].new.tenant, batches[index].total)
        var admission = beginAdmission()
        if let refusal = admit(batches[index].demand, of: tenant, count: total, &admission, at: now) {
            batches[index].phase = .deleting
            return .refused(refusal)
        }
        try reserve(batches[index].total, maxDepth: maxDepth)
        tenancy.books = admission.books
        batches[index].reservedAt = tenancy.limits[tenant]?.budget.isNone == false ? now : nil
        batches[index].phase = .open
        batches[index].idempotency = idempotency
        topics.insert(.batches)
        return .opened(batches[index].record)
    }

    mutating func abandonBatch(_ id: BatchID) {
        guard let index = index(of: id, in: .receiving) else { return }
        batches[index].phase = .deleting
        topics.insert(.batches)
    }

    // MARK: Owners

    func batches(_ query: BatchQuery) -> BatchPage {
        let all = batches.filter { $0.phase == .open && $0.new.tenant == query.tenant }.map(\.record)  // oldest first
        let found: [BatchRecord]
        switch query.start {
        case .newest: found = all.reversed()
        case .after(let id): found = older(than: id, all)
        case .before(let id): found = newer(than: id, all)
        }
        let page = Array(found.prefix(query.limit))
        if case .before = query.start {
            return BatchPage(batches: page.reversed(), hasMore: found.count > query.limit)
        }
        return BatchPage(batches: page, hasMore: found.count > query.limit)
    }

    private func older(than id: BatchID, _ all: [BatchRecord]) -> [BatchRecord] {
        guard all.contains(where: { $0.id == id }) else { return all.filter { $0.id.text < id.text }.reversed() }
        return all.prefix { $0.id != id }.reversed()
    }

    private func newer(than id: BatchID, _ all: [BatchRecord]) -> [BatchRecord] {
        guard all.contains(where: { $0.id == id }) else { return all.filter { $0.id.text > id.text } }
        return Array(all.drop { $0.id != id }.dropFirst())
    }

    func batchResults(_ index: Int, after: Int64, limit: Int, bytes: Int) -> [BatchResult] {
        let known = batches[index].jobs.compactMap { entry -> BatchResult? in
            guard let row = rows[entry.id], jobs[row].row > after, let ended = jobs[row].ended else { return nil }
            return BatchResult(
                position: jobs[row].row, customID: entry.customID.text, state: jobs[row].life.state,
                result: ended.result)
        }
        var sum = 0
        return Array(
            known.prefix(limit).prefix { result in
                defer { sum += result.result.body.count }
                return sum == 0 || sum + result.result.body.count <= bytes
            })
    }

    mutating func cancelBatch(_ index: Int, at now: Timestamp) -> BatchRecord {
        if batches[index].endedAt == nil, batches[index].cancelInitiatedAt == nil {
            batches[index].cancelInitiatedAt = now
            batches[index].isBusy = true
        }
        topics.insert(.batches)
        return batches[index].record
    }

    mutating func deleteBatch(_ index: Int) -> Bool {
        guard batches[index].endedAt != nil else { return false }
        batches[index].phase = .deleting
        batches[index].isBusy = true
        topics.insert(.batches)
        return true
    }

    // MARK: Jobs of batches

    func isBatchCanceled(of job: JobID) -> Bool {
        batches.contains { $0.cancelInitiatedAt != nil && $0.jobs.contains { $0.id == job } }
    }

    mutating func endInBatch(_ job: JobID, at now: Timestamp) {
        guard let state = rows[job].map({ jobs[$0].life.state }),
            let index = batches.firstIndex(where: { $0.jobs.contains { $0.id == job } })
        else { return }
        batches[index].ended[state, default: 0] += 1
        guard batches[index].record.processing == 0 else { return }
        batches[index].endedAt = now
        announce(.batchEnded, batches[index].record.endedData, to: batches[index].new.tenant, at: now)
    }

    /// Whether the job belongs to a batch that has not ended before `cutoff`: retention takes a batch as a whole.
    func isKept(_ job: JobID, forBatchAt cutoff: Timestamp) -> Bool {
        batches.contains { batch in
            batch.endedAt.map { $0 >= cutoff } ?? true && batch.jobs.contains { $0.id == job }
        }
    }

    /// Retention deletes the job: its batch's results are incomplete from now on.
    mutating func archive(_ job: JobID, at now: Timestamp) {
        guard let index = batches.firstIndex(where: { $0.jobs.contains { $0.id == job } }) else { return }
        batches[index].jobs.removeAll { $0.id == job }
        batches[index].archivedAt = batches[index].archivedAt ?? max(now, batches[index].endedAt ?? now)
    }

    // MARK: Steps

    mutating func advanceBatches(limit: Int, abandonedBefore: Timestamp, at now: Timestamp) -> Int {
        let busy = batches.indices.filter { index in
            let batch = batches[index]
            return batch.isBusy && batch.phase != .gone
                && (batch.phase != .receiving || batch.touchedAt < abandonedBefore)
        }
        guard let index = busy.first(where: { batches[$0].phase != .deleting }) ?? busy.first else { return 0 }
        switch batches[index].phase {
        case .receiving: batches[index].phase = .deleting
        case .open where !batches[index].staged.isEmpty: return release(index, limit: limit, at: now)
        case .open where batches[index].cancelInitiatedAt != nil: return cancelNext(index, limit: limit, at: now)
        case .open: batches[index].isBusy = false
        case .deleting: return deleteNext(index, limit: limit)
        case .gone: break
        }
        return 1
    }

    private mutating func release(_ index: Int, limit: Int, at now: Timestamp) -> Int {
        let items = batches[index].staged.prefix(limit)
        batches[index].staged.removeFirst(items.count)
        for item in items { release(item, of: index, at: now) }
        return items.count
    }

    private mutating func release(_ item: BatchItem, of index: Int, at now: Timestamp) {
        let batch = batches[index].new
        let new = NewJob(
            id: item.job, tenant: batch.tenant, body: item.body, headers: batch.headers, model: item.model,
            priority: .batch, createdAt: batch.createdAt, runAt: min(batch.createdAt, now), deadline: batch.expiresAt)
        if let reservedAt = batches[index].reservedAt, let demand = item.demand, item.refusal == nil {
            hold(Reservation(demand, at: reservedAt), for: item.job)
        }
        batches[index].jobs.append((item.job, item.customID))
        add(Job(new, row: Int64(jobs.count + 1)))
        let place = jobs.count - 1
        jobs[place].isErased = batches[index].isErased
        if batches[index].cancelInitiatedAt != nil {
            _ = cancel(item.job, of: batch.tenant, at: now)
        } else if batch.expiresAt <= now {
            let transition = jobs[place].life.reap(at: now, charged: 0, maxAttempts: 1)
            follow(transition, of: place, with: JobResult(.jobDeadlinePassed), at: now)
        } else if let refusal = item.refusal {
            let result = JobResult(
                status: 400, headers: [HeaderField("content-type", "application/json")], body: refusal)
            follow(jobs[place].life.refuse(), of: place, with: result, at: now)
        }
    }

    private mutating func cancelNext(_ index: Int, limit: Int, at now: Timestamp) -> Int {
        let next = batches[index].jobs.dropFirst(batches[index].cancelFrom).prefix(limit)
        guard !next.isEmpty else {
            batches[index].isBusy = false
            return 1
        }
        for entry in next where rows[entry.id].map({ jobs[$0].life.state }) == .queued {
            _ = cancel(entry.id, of: batches[index].new.tenant, at: now)
        }
        batches[index].cancelFrom += next.count
        return next.count
    }

    private mutating func deleteNext(_ index: Int, limit: Int) -> Int {
        let staged = min(limit, batches[index].staged.count)
        batches[index].staged.removeFirst(staged)
        guard staged == 0 else { return staged }
        let next = batches[index].jobs.prefix(limit)
        batches[index].jobs.removeFirst(next.count)
        for entry in next {
            guard let place = rows[entry.id], jobs[place].row < jobs.count else { continue }
            delete(jobs[place])
        }
        if next.count < limit { batches[index].phase = .gone }
        return max(1, next.count)
    }
}
