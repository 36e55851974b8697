import Domain

extension MemoryModel {
    mutating func replay(
        _ replays: [Replay], of tenant: TenantID?, pricedBy prices: PriceList, maxDepth: Int, at now: Timestamp
    ) throws(JobStoreError) -> [ReplayOutcome] {
        var seen: [JobID: JobID] = [:]
        var admission = beginAdmission()
        let outcomes = replays.map { plan($0, of: tenant, &seen, &admission, pricedBy: prices, at: now) }
        let accepted = zip(replays, outcomes).filter { $1 == .replayed($0.newID) }.map(\.0)
        try reserve(accepted.count, maxDepth: maxDepth)
        tenancy.books = admission.books
        for (replay, reservation) in zip(accepted, admission.reservations) {
            hold(reservation, for: replay.newID)
            repeatJob(replay, at: now)
            try audit(.jobReplayed, replay.job.text, "as \(replay.newID)")
        }
        return outcomes
    }

    private func plan(
        _ replay: Replay, of tenant: TenantID?, _ seen: inout [JobID: JobID], _ admission: inout Admission,
        pricedBy prices: PriceList, at now: Timestamp
    ) -> ReplayOutcome {
        if let first = seen[replay.job] { return .existing(first) }
        guard let job = rows[replay.job].map({ jobs[$0] }), job.isVisible(to: tenant) else { return .unknown }
        if job.isErased { return .erased }
        if let existing = job.replayedAs { return .existing(existing) }
        guard job.life.state.isTerminal, job.life.state != .succeeded else { return .refused(job.life.state) }
        let limits = tenancy.limits[job.new.tenant] ?? .none
        if let refusal = limits.refusal(ofModel: job.new.model, bytes: job.new.body.count) {
            return .overLimit(refusal)
        }
        let before = tenancy.reservations[replay.job]?.reservation.amount ?? .nothing
        let demand = limits.budget.isNone ? nil : prices.demand(of: job.new.model, job.new.body).most(before)
        if let refusal = admit(demand, of: job.new.tenant, &admission, at: now) { return .overLimit(refusal) }
        seen[replay.job] = replay.newID
        return .replayed(replay.newID)
    }

    private mutating func repeatJob(_ replay: Replay, at now: Timestamp) {
        guard let index = rows[replay.job] else { return }
        let old = jobs[index].new
        let new = NewJob(
            id: replay.newID, tenant: old.tenant, body: old.body, headers: old.headers, model: old.model,
            priority: old.priority, createdAt: now, runAt: now, webhook: old.webhook, metadata: old.metadata)
        jobs[index].replayedAs = replay.newID
        add(Job(new, row: Int64(jobs.count + 1), replayOf: replay.job))
    }

    func tenants(at now: Timestamp) -> [TenantStatus] {
        lanes.map { lane in
            let mine = jobs.filter { $0.isVisible(to: lane.share.tenant) }
            let none = Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, 0) })
            let earliest = mine.filter { $0.life.state == .queued }.map(\.life.runAt).min()
            return TenantStatus(
                share: lane.share, counts: mine.reduce(into: none) { $0[$1.life.state, default: 0] += 1 },
                waiting: earliest.flatMap { $0 <= now ? now.duration(since: $0) : nil })
        }.sorted { $0.share.tenant.text < $1.share.tenant.text }
    }

    mutating func prune(endedBefore cutoff: Timestamp, after: Int64, limit: Int) -> PruneSlice {
        let loose = deliveries.filter { $0.job == nil && $0.endedAt.map { $0 < cutoff } ?? false }
            .sorted { ($0.endedAt ?? cutoff) < ($1.endedAt ?? cutoff) }.prefix(max(limit, 0))
        deliveries.removeAll { delivery in loose.contains { $0.id == delivery.id } }
        let again = limit > 0 && loose.count == limit ? after : nil
        let ended = jobs.filter { $0.row > after && $0.row < jobs.count && !$0.isDeleted && $0.ended != nil }
        let seen = ended.prefix(max(limit, 0))
        let old = seen.filter { job in
            job.ended.map { $0.at < cutoff } ?? false
                && !deliveries.contains { $0.job == job.new.id && $0.state == .pending }
                && !isKept(job.new.id, forBatchAt: cutoff)
        }
        for job in old {
            archive(job.new.id, at: cutoff)
            delete(job)
        }
        guard limit > 0, seen.count == limit, let last = seen.last else {
            return PruneSlice(deleted: old.count, next: again)
        }
        return PruneSlice(deleted: old.count, next: last.new.createdAt < cutoff ? last.row : again)
    }

    mutating func delete(_ job: Job) {
        let index = Int(job.row) - 1
        jobs[index].isDeleted = true
        rows[job.new.id] = nil
        tenancy.reservations[job.new.id] = nil
        usedKeys = usedKeys.filter { $0.value.job != job.new.id }
        deleteDeliveries(of: job.new.id)
        if let original = job.replayOf.flatMap({ rows[$0] }) { jobs[original].replayedAs = nil }
        if let replay = job.replayedAs.flatMap({ rows[$0] }) { jobs[replay].replayOf = nil }
    }

    mutating func rebase(by step: Duration, keeping grace: Duration, at now: Timestamp) -> Int {
        let queued = jobs.indices.filter { index in
            let job = jobs[index]
            return job.life.state == .queued && job.life.runAt > now
                && (job.life.attempt > 0 || job.life.runAt <= job.new.createdAt)
        }
        for index in queued {
            jobs[index].life.rebase(by: step, to: now)
            expect(jobs[index])
        }
        let running = jobs.indices.filter { jobs[$0].life.lease.map { $0.claimedAt > now } ?? false }
        for index in running { jobs[index].life.rebaseLease(by: step, to: now, keeping: grace) }
        return queued.count + running.count + rebaseDeliveries(by: step, at: now)
    }

    private mutating func rebaseDeliveries(by step: Duration, at now: Timestamp) -> Int {
        let late = deliveries.indices.filter { index in
            let delivery = deliveries[index]
            // What was never tried in its round is due at once, or is put off for a moment.
            let isStrange =
                delivery.isInFlight
                ? delivery.dueAt > now.advanced(by: DeliveryLane.longestClaim) : delivery.attempt == delivery.roundStart
            return delivery.state == .pending && delivery.dueAt > now
                && (delivery.createdAt > now || delivery.log.contains { $0.endedAt > now } || isStrange)
        }
        for index in late {
            deliveries[index].dueAt = deliveries[index].dueAt.advanced(by: .zero - step)
            deliveries[index].createdAt = min(deliveries[index].createdAt, now)
            deliveries[index].log = deliveries[index].log.map { $0.rebased(to: now) }
        }
        for lane in deliveryLanes.indices.reversed() {
            deliveryLanes[lane].health.rebase(by: step, to: now)
            deliveryLanes[lane].waitsUntil = nil
            reopen(lane, at: now)
        }
        return late.count
    }

    private mutating func deleteDeliveries(of job: JobID) {
        for delivery in deliveries where delivery.job == job && delivery.state == .pending {
            guard let lane = deliveryLanes.firstIndex(where: { $0.number == delivery.lane }) else { continue }
            deliveryLanes[lane].pending -= 1
            deliveryLanes[lane].inFlight -= delivery.isInFlight ? 1 : 0
            if deliveryLanes[lane].mode != .paused { deliveryLanes[lane].openAt = Timestamp(microseconds: 0) }
            if !deliveryLanes[lane].isKept { deliveryLanes.remove(at: lane) }
        }
        deliveries.removeAll { $0.job == job }
    }
}
