import Domain

extension MemoryModel {
    /// `job` is queued: its tenant takes part again when it is due.
    mutating func expect(_ job: Job) {
        let lane = laneIndex(of: job.new.tenant)
        if !lanes[lane].isReady { lanes[lane].wakeAt = min(lanes[lane].wakeAt ?? job.life.runAt, job.life.runAt) }
        topics.insert(.jobs)
    }

    mutating func setShare(_ share: TenantShare) {
        lanes[laneIndex(of: share.tenant)].share = share
        topics.insert(.jobs)
    }

    /// A job of `tenant` has ended: if its limit held others back, they may go now.
    mutating func noteRoom(of tenant: TenantID) {
        let lane = laneIndex(of: tenant)
        let isWaiting = jobs.contains { $0.new.tenant == tenant && $0.life.state == .queued }
        if lanes[lane].share.maxRunning != nil, hasRoom(lane), isWaiting { topics.insert(.jobs) }
    }

    mutating func laneIndex(of tenant: TenantID) -> Int {
        if let index = lanes.firstIndex(where: { $0.share.tenant == tenant }) { return index }
        guard let share = TenantShare(tenant: tenant) else { return 0 }
        lanes.append(Lane(share: share))
        return lanes.count - 1
    }

    func dueClasses(at now: Timestamp) -> [ModelClass] {
        let tenants = Set(lanes.indices.filter(hasRoom).map { lanes[$0].share.tenant })
        let due = jobs.filter { $0.life.state == .queued && $0.life.runAt <= now && tenants.contains($0.new.tenant) }
        return Set(due.map(\.new.models)).sorted { $0.name < $1.name }
    }

    mutating func claim(
        limit: Int, bytes: Int, of models: ModelClass?, by worker: String, at now: Timestamp, until end: Timestamp
    ) -> [Claim] {
        var round = beginRound(limit: min(max(limit, 0), 1000), of: models, at: now)
        var taken: [Claim] = []
        var (size, expired) = (0, 0)
        while let entrant = round.next {
            let lane = Int(round.entrants[entrant].tenant) - 1
            guard let index = firstDue(of: lanes[lane].share.tenant, models, at: now) else {
                round.ranDry(entrant)
                if models == nil || firstDue(of: lanes[lane].share.tenant, nil, at: now) == nil { sleep(lane, at: now) }
                continue
            }
            if jobs[index].life.isOverdue(at: now) {
                guard expired < limit else { break }
                let transition = jobs[index].life.reap(at: now, charged: 0, maxAttempts: 1)
                follow(transition, of: index, with: JobResult(.jobDeadlinePassed), at: now)
                expired += 1
                continue
            }
            guard taken.isEmpty || size + jobs[index].new.body.count <= bytes else { break }
            size += jobs[index].new.body.count
            jobs[index].life.claim(at: now, until: end)
            taken.append(jobs[index].claim(by: worker, at: now))
            round.took(entrant)
        }
        for entrant in round.entrants { lanes[Int(entrant.tenant) - 1].pass = entrant.pass }
        virtualTime = round.virtualTime
        return taken
    }

    private mutating func beginRound(limit: Int, of models: ModelClass?, at now: Timestamp) -> ClaimRound {
        for index in lanes.indices where lanes[index].wakeAt.map({ $0 <= now }) ?? false {
            lanes[index].isReady = true
            lanes[index].wakeAt = nil
            lanes[index].pass = max(lanes[index].pass, virtualTime)
        }
        let entrants = lanes.indices.filter { lanes[$0].isReady && hasRoom($0) }
            .filter { models == nil || firstDue(of: lanes[$0].share.tenant, models, at: now) != nil }
            .sorted { (lanes[$0].pass, $0) < (lanes[$1].pass, $1) }.prefix(ClaimRound.entrantLimit)
            .map { index in
                ClaimRound.Entrant(
                    tenant: Int64(index + 1), pass: lanes[index].pass, weight: lanes[index].share.weight,
                    room: lanes[index].share.maxRunning.map { $0 - running(index) })
            }
        return ClaimRound(entrants, virtualTime: virtualTime, limit: limit)
    }

    private func hasRoom(_ lane: Int) -> Bool {
        lanes[lane].share.maxRunning.map { running(lane) < $0 } ?? true
    }

    private func running(_ lane: Int) -> Int {
        jobs.count { $0.new.tenant == lanes[lane].share.tenant && $0.life.state == .running }
    }

    /// Past its deadline or not. Of any class if `models` is nil.
    private func firstDue(of tenant: TenantID, _ models: ModelClass?, at now: Timestamp) -> Int? {
        let due = jobs.indices.filter { index in
            let life = jobs[index].life
            return jobs[index].new.tenant == tenant && life.state == .queued && life.runAt <= now
                && (models == nil || jobs[index].new.models == models)
        }
        return due.min { left, right in
            (-jobs[left].new.priority.value, jobs[left].life.runAt, left)
                < (-jobs[right].new.priority.value, jobs[right].life.runAt, right)
        }
    }

    /// Takes a tenant without a due job out of the rounds until its next one is due.
    private mutating func sleep(_ lane: Int, at now: Timestamp) {
        let queued = jobs.filter { $0.new.tenant == lanes[lane].share.tenant && $0.life.state == .queued }
        lanes[lane].isReady = false
        lanes[lane].wakeAt = queued.map(\.life.runAt).min().map {
            max($0, now.advanced(by: $0 <= now ? .seconds(1) : .zero))
        }
    }
}

extension MemoryModel.Job {
    /// What the worker gets that has just claimed it.
    fileprivate func claim(by worker: String, at now: Timestamp) -> Claim {
        Claim(
            lease: Lease(job: new.id, row: row, attempt: life.attempt, worker: worker), tenant: new.tenant,
            body: new.body, digest: new.digest, headers: new.headers, model: new.model, createdAt: new.createdAt,
            deadline: new.deadline,
            firstClaimedAt: life.firstClaimedAt ?? now, chargedAttempts: chargedAttempts)
    }
}
