import Domain

extension MemoryModel {
    /// nil if there is no such tenant.
    func erasable(of tenant: TenantID) -> ErasureScope? {
        guard lanes.contains(where: { $0.share.tenant == tenant }) else { return nil }
        let none = Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, 0) })
        let mine = batches.filter { $0.phase == .open && $0.new.tenant == tenant }
        return ErasureScope(
            jobs: jobs.filter { $0.isVisible(to: tenant) }.reduce(into: none) { $0[$1.life.state, default: 0] += 1 },
            batches: mine.count, staged: mine.reduce(0) { $0 + $1.staged.count }, hasDataKey: false)
    }

    /// All at once: nothing of it is left to be done in steps but what batches have to do anyway.
    mutating func erase(_ tenant: TenantID, at now: Timestamp) {
        for index in jobs.indices where jobs[index].isVisible(to: tenant) {
            jobs[index].isErased = true
            _ = cancel(jobs[index].new.id, of: tenant, at: now)
            if let ended = jobs[index].ended {
                jobs[index].ended = (ended.at, JobResult(status: ended.result.status, headers: [], body: []))
            }
        }
        usedKeys = usedKeys.filter { $0.key.tenant != tenant }
        let erased = Set(jobs.filter { $0.isErased && $0.new.tenant == tenant }.map(\.new.id))
        for index in deliveries.indices where deliveries[index].job.map(erased.contains) ?? false {
            deliveries[index].log = deliveries[index].log.map(\.withoutAnswer)
        }
        for index in batches.indices where batches[index].new.tenant == tenant { eraseBatch(index, at: now) }
        topics.formUnion([.cancels, .batches, .results])
    }

    private mutating func eraseBatch(_ index: Int, at now: Timestamp) {
        batches[index].isErased = true
        batches[index].idempotency = nil
        switch batches[index].phase {
        case .receiving: batches[index].phase = .deleting
        case .open where batches[index].endedAt == nil: _ = cancelBatch(index, at: now)
        case .open, .deleting, .gone: break
        }
    }
}

extension DeliveryAttempt {
    var withoutAnswer: DeliveryAttempt {
        DeliveryAttempt(attempt: attempt, startedAt: startedAt, endedAt: endedAt, status: status, error: error)
    }
}
