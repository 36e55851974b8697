package import Domain
import Synchronization

/// All of a ``RelayStore`` in memory, clear rather than fast: for tests and trials. Nothing in it outlives the process.
package final class MemoryJobStore: JobStore, KeyStore, EgressStore, TokenStore, KeyringStore {
    let maxDepth: Int
    private let signal: ChangeSignal
    private let model: Mutex<MemoryModel>

    /// - Parameters:
    ///   - maxDepth: unfinished jobs that the queue holds at most.
    ///   - clock: measures how long to wait for changes.
    ///   - random: names deliveries.
    ///   - audit: what the audit log is kept with; nil for none.
    package init(
        maxDepth: Int = 10_000_000, clock: any Clock<Duration>,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), audit: AuditKeeping? = nil
    ) {
        self.maxDepth = maxDepth
        self.signal = ChangeSignal(clock: clock)
        self.model = Mutex(MemoryModel(random: random, auditKeeping: audit))
    }

    func change<Value: Sendable>(
        _ body: (inout MemoryModel) throws(JobStoreError) -> Value
    ) throws(JobStoreError) -> Value {
        let (value, topics) = try model.withLock { model throws(JobStoreError) in
            let value = try body(&model)
            defer { model.topics = [] }
            return (value, model.topics)
        }
        signal.bump(topics)
        return value
    }

    func look<Value: Sendable>(_ body: (MemoryModel) -> Value) -> Value {
        model.withLock { body($0) }
    }

    package func submit(_ jobs: [NewJob]) async throws(JobStoreError) -> [SubmitOutcome] {
        try change { model throws(JobStoreError) in try model.submit(jobs, maxDepth: maxDepth) }
    }

    package func claim(
        limit: Int, bytes: Int, of models: ModelClass?, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim] {
        try change {
            $0.claim(limit: limit, bytes: bytes, of: models, by: worker, at: now, until: now.advanced(by: duration))
        }
    }

    package func dueClasses(at now: Timestamp) async throws(JobStoreError) -> [ModelClass] {
        model.withLock { $0.dueClasses(at: now) }
    }

    package func renew(
        _ leases: [Lease], at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [LeaseRenewal] {
        try change { model in leases.map { model.renew($0, until: now.advanced(by: duration)) } }
    }

    package func settle(_ settlement: Settlement) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in try model.settle(settlement) }
    }

    package func reap(limit: Int, maxAttempts: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        try change { $0.reap(limit: limit, maxAttempts: maxAttempts, at: now) }
    }

    package func cancel(
        _ id: JobID, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) -> CancelOutcome? {
        try change { $0.cancel(id, of: tenant, at: now) }
    }

    package func job(_ id: JobID, of tenant: TenantID?) async throws(JobStoreError) -> JobRecord? {
        find(id, tenant)?.record
    }

    package func result(of id: JobID, tenant: TenantID?) async throws(JobStoreError) -> JobResult? {
        guard let job = find(id, tenant), let ended = job.ended else { return nil }
        if job.isErased { throw .erased }
        return ended.result
    }

    package func attempts(of id: JobID, from first: Int) async throws(JobStoreError) -> [AttemptRecord] {
        Array((find(id, nil)?.journal ?? []).filter { $0.attempt >= first }.prefix(1000))
    }

    private func find(_ id: JobID, _ tenant: TenantID?) -> MemoryModel.Job? {
        model.withLock { model in
            model.rows[id].map { model.jobs[$0] }.flatMap { $0.isVisible(to: tenant) ? $0 : nil }
        }
    }

    package func list(_ query: JobQuery) async throws(JobStoreError) -> JobPage {
        var jobs = model.withLock { $0.jobs }
        if let after = query.after {
            let index = jobs.firstIndex { $0.new.id == after && $0.isVisible(to: query.tenant) }
            jobs.removeSubrange((index ?? 0)...)
        }
        let found = jobs.reversed().filter { !$0.isDeleted }.map(\.record).filter(query.matches)
        let page = Array(found.prefix(query.limit))
        return JobPage(jobs: page, next: found.count > query.limit ? page.last?.id : nil)
    }

    package func counts(of tenant: TenantID?) async throws(JobStoreError) -> [JobState: Int] {
        model.withLock { model in
            let none = Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, 0) })
            return model.jobs.filter { $0.isVisible(to: tenant) }
                .reduce(into: none) { $0[$1.life.state, default: 0] += 1 }
        }
    }

    package func replay(
        _ replays: [Replay], of tenant: TenantID?, pricedBy prices: PriceList, at now: Timestamp
    ) async throws(JobStoreError) -> [ReplayOutcome] {
        try change { model throws(JobStoreError) in
            try model.replay(replays, of: tenant, pricedBy: prices, maxDepth: maxDepth, at: now)
        }
    }

    package func checkHealth() async throws(JobStoreError) {}

    package func setShare(_ share: TenantShare) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in
            try model.audit(.tenantShareSet, share.tenant.text, share.words)
            model.setShare(share)
        }
    }

    package func tenants(
        after: TenantID?, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> [TenantStatus] {
        let all = model.withLock { $0.tenants(at: now) }
        return Array(all.filter { $0.share.tenant.text > after?.text ?? "" }.prefix(limit))
    }

    package func tenant(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> TenantStatus? {
        model.withLock { $0.tenants(at: now) }.first { $0.share.tenant == tenant }
    }

    package func prune(
        endedBefore cutoff: Timestamp, after: Int64, limit: Int
    ) async throws(JobStoreError) -> PruneSlice {
        try change { $0.prune(endedBefore: cutoff, after: after, limit: limit) }
    }

    package func usage() async throws(JobStoreError) -> StoreUsage {
        let bytes = model.withLock { model in
            model.jobs.filter { !$0.isDeleted }.reduce(0) {
                $0 + $1.new.body.count + ($1.ended?.result.body.count ?? 0)
            }
        }
        return StoreUsage(fileBytes: bytes, freeBytes: 0, logBytes: 0)
    }

    package func shrink(by bytes: Int) async throws(JobStoreError) -> Int { 0 }

    package func latestTime() async throws(JobStoreError) -> Timestamp? {
        model.withLock { model in
            let jobs = model.jobs.filter { !$0.isDeleted }
            return [
                jobs.last?.new.createdAt, jobs.last { $0.ended != nil }?.ended?.at,
                jobs.compactMap { $0.life.lease?.claimedAt }.max(),
            ].compactMap(\.self).max()
        }
    }

    package func rebase(
        by step: Duration, keeping grace: Duration, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try change { $0.rebase(by: step, keeping: grace, at: now) }
    }

    package func changeCount(_ topic: ChangeTopic) -> UInt64 {
        signal.count(topic)
    }

    package func waitForChange(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async {
        await signal.wait(topic, since: seen, upTo: limit)
    }

    package func put(_ key: StoredKey, sealedUnder revision: Int) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in
            try model.requireKeyring(revision)
            try model.audit(.keyStored, key.id, "organization \(key.organization)")
            model.keys[key.id] = key
        }
    }

    package func keys() async throws(JobStoreError) -> [StoredKey] {
        model.withLock { Array($0.keys.values.sorted { $0.id < $1.id }.prefix(10_000)) }
    }

    package func removeKey(_ id: String) async throws(JobStoreError) -> Bool {
        try change { model throws(JobStoreError) in
            guard model.keys.removeValue(forKey: id) != nil else { return false }
            try model.audit(.keyRemoved, id)
            return true
        }
    }
}

extension MemoryJobStore {
    package func takeOut(_ outage: EgressOutage) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in
            guard model.egressOutages[outage.path] == nil else { return }
            try model.audit(.egressTakenOut, outage.path, outage.reason.rawValue)
            model.egressOutages[outage.path] = outage
        }
    }

    package func bringBack(_ path: String) async throws(JobStoreError) -> Bool {
        try change { model throws(JobStoreError) in
            guard model.egressOutages.removeValue(forKey: path) != nil else { return false }
            try model.audit(.egressBroughtBack, path)
            return true
        }
    }

    package func egressOutages() async throws(JobStoreError) -> [EgressOutage] {
        model.withLock { Array($0.egressOutages.values.sorted { $0.path < $1.path }.prefix(10_000)) }
    }
}

extension MemoryJobStore: AuditStore {
    package func record(_ action: AuditAction, _ subject: String, _ detail: String) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in try model.audit(action, subject, detail) }
    }

    package func auditTrail(after sequence: Int64, limit: Int) async throws(JobStoreError) -> [AuditEntry] {
        model.withLock { model in Array(model.trail.drop { $0.sequence <= sequence }.prefix(min(max(limit, 1), 1000))) }
    }

    package func latestAudit(before sequence: Int64?, limit: Int) async throws(JobStoreError) -> [AuditEntry] {
        model.withLock { model in
            Array(model.trail.reversed().drop { $0.sequence >= sequence ?? .max }.prefix(min(max(limit, 1), 1000)))
        }
    }
}
