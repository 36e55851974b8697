import Domain
import Queue
import Synchronization

/// A store whose disk refuses as often as it is told.
final class FaultyStore: JobStore {
    private struct State {
        var settleFaults = 0
        var claimFaults = 0
        var lockedClaims = 0
        var renewalFaults = 0
        var rebaseFaults = 0
        var renewals = 0
        var looks = 0
        var settles = 0
    }

    let base: any JobStore
    private let state = Mutex(State())

    /// How often it was asked whether jobs are due.
    var looks: Int { state.withLock { $0.looks } }
    /// How often it was asked to renew leases.
    var renewals: Int { state.withLock { $0.renewals } }
    /// How often it was asked to settle.
    var settles: Int { state.withLock { $0.settles } }

    init(_ base: any JobStore) {
        self.base = base
    }

    /// The next `settles`, `claims`, `renewals` and `rebases` fail.
    func fail(settles: Int = 0, claims: Int = 0, renewals: Int = 0, rebases: Int = 0) {
        state.withLock { state in
            state.settleFaults = settles
            state.claimFaults = claims
            state.renewalFaults = renewals
            state.rebaseFaults = rebases
        }
    }

    /// The next `count` claims find only jobs that cannot be opened here.
    func lockClaims(_ count: Int) {
        state.withLock { $0.lockedClaims = count }
    }

    /// How many of them are left.
    var lockedClaims: Int { state.withLock { $0.lockedClaims } }

    /// Refuses if `faults` are left.
    private static func meet(_ faults: inout Int) throws(JobStoreError) {
        guard faults > 0 else { return }
        faults -= 1
        throw .unavailable(detail: "disk full")
    }

    func settle(_ settlement: Settlement) async throws(JobStoreError) {
        try state.withLock { state throws(JobStoreError) in
            state.settles += 1
            try Self.meet(&state.settleFaults)
        }
        try await base.settle(settlement)
    }

    func claim(
        limit: Int, bytes: Int, of models: ModelClass?, by worker: String, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Claim] {
        try state.withLock { state throws(JobStoreError) in
            try Self.meet(&state.claimFaults)
            guard state.lockedClaims > 0 else { return }
            state.lockedClaims -= 1
            throw .unreadable(.payloadKeyless)
        }
        return try await base.claim(limit: limit, bytes: bytes, of: models, by: worker, at: now, for: duration)
    }

    func dueClasses(at now: Timestamp) async throws(JobStoreError) -> [ModelClass] {
        state.withLock { $0.looks += 1 }
        return try await base.dueClasses(at: now)
    }
}

// MARK: As the store has it

extension FaultyStore {
    func submit(_ jobs: [NewJob]) async throws(JobStoreError) -> [SubmitOutcome] {
        try await base.submit(jobs)
    }

    func renew(_ leases: [Lease], at now: Timestamp, for duration: Duration) async throws(JobStoreError)
        -> [LeaseRenewal]
    {
        try state.withLock { state throws(JobStoreError) in
            state.renewals += 1
            try Self.meet(&state.renewalFaults)
        }
        return try await base.renew(leases, at: now, for: duration)
    }

    func reap(limit: Int, maxAttempts: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        try await base.reap(limit: limit, maxAttempts: maxAttempts, at: now)
    }

    func cancel(_ id: JobID, of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> CancelOutcome? {
        try await base.cancel(id, of: tenant, at: now)
    }

    func job(_ id: JobID, of tenant: TenantID?) async throws(JobStoreError) -> JobRecord? {
        try await base.job(id, of: tenant)
    }

    func result(of id: JobID, tenant: TenantID?) async throws(JobStoreError) -> JobResult? {
        try await base.result(of: id, tenant: tenant)
    }

    func attempts(of id: JobID, from first: Int) async throws(JobStoreError) -> [AttemptRecord] {
        try await base.attempts(of: id, from: first)
    }

    func list(_ query: JobQuery) async throws(JobStoreError) -> JobPage {
        try await base.list(query)
    }

    func counts(of tenant: TenantID?) async throws(JobStoreError) -> [JobState: Int] {
        try await base.counts(of: tenant)
    }

    func changeCount(_ topic: ChangeTopic) -> UInt64 {
        base.changeCount(topic)
    }

    func waitForChange(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async {
        await base.waitForChange(topic, since: seen, upTo: limit)
    }

    func replay(
        _ replays: [Replay], of tenant: TenantID?, pricedBy prices: PriceList, at now: Timestamp
    ) async throws(JobStoreError) -> [ReplayOutcome] {
        try await base.replay(replays, of: tenant, pricedBy: prices, at: now)
    }

    func checkHealth() async throws(JobStoreError) {
        try await base.checkHealth()
    }

    func setShare(_ share: TenantShare) async throws(JobStoreError) {
        try await base.setShare(share)
    }

    func tenants(
        after: TenantID?, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> [TenantStatus] {
        try await base.tenants(after: after, limit: limit, at: now)
    }

    func tenant(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> TenantStatus? {
        try await base.tenant(tenant, at: now)
    }

    func prune(
        endedBefore cutoff: Timestamp, after: Int64, limit: Int
    ) async throws(JobStoreError) -> PruneSlice {
        try await base.prune(endedBefore: cutoff, after: after, limit: limit)
    }

    func usage() async throws(JobStoreError) -> StoreUsage {
        try await base.usage()
    }

    func shrink(by bytes: Int) async throws(JobStoreError) -> Int {
        try await base.shrink(by: bytes)
    }

    func latestTime() async throws(JobStoreError) -> Timestamp? {
        try await base.latestTime()
    }

    func rebase(
        by step: Duration, keeping grace: Duration, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try state.withLock { state throws(JobStoreError) in try Self.meet(&state.rebaseFaults) }
        return try await base.rebase(by: step, keeping: grace, limit: limit, at: now)
    }
}
