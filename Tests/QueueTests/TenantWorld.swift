import Domain
import Queue
import TestSupport
import Testing

extension World {
    /// What a sample job may take, if nothing else is said.
    static let demand = BudgetAmount(tokens: 100, money: Money(microdollars: 1000))

    func setBudget(
        money: Int? = nil, tokens: Int? = nil, queued: Int? = nil, of tenant: TenantID = .sample()
    ) async throws {
        var limits = TenantLimits()
        limits.budget = BudgetLimits(tokensPerDay: tokens, moneyPerDay: money.map(Money.init(microdollars:)))
        limits.queuedJobs = queued
        try await store.setLimits(limits, of: tenant, at: now)
    }

    func budgeted(_ demand: BudgetAmount = World.demand, tenant: TenantID = .sample(), key: String? = nil) -> NewJob {
        let job = NewJob.sample(tenant: tenant, at: now)
        return NewJob(
            id: job.id, tenant: tenant, body: job.body, headers: [], model: job.model, createdAt: now, runAt: now,
            idempotency: key.map {
                IdempotencyKey(key: $0, fingerprint: [1], expiresAt: now.advanced(by: .seconds(60)))
            }, demand: demand)
    }

    /// Where the tenant's day stands.
    func day(_ tenant: TenantID = .sample()) async throws -> BudgetBook.Entry {
        try await store.budget(of: tenant, at: now)[BudgetPeriod(.day, containing: now)]
    }

    /// Where it stands, in micro-dollars.
    func standing(_ tenant: TenantID = .sample()) async throws -> [Int] {
        let entry = try await day(tenant)
        return [entry.spent.money.microdollars, entry.reserved.money.microdollars]
    }

    /// Settles with an answer that cost `money`; nil if it does not say.
    func settle(
        _ lease: Lease, _ outcome: Settlement.Outcome, costing money: Int?, tokens: Int = 10, maybeBilled: Bool = false,
        verdict: String = "success"
    ) async throws {
        let bill = Bill(
            model: "claude-test", usage: money.map { _ in TokenUsage(input: tokens, output: 0) },
            cost: Money(microdollars: money ?? 0), isPriced: true)
        let record = AttemptRecord(
            attempt: lease.attempt, key: "k1", egress: "direct", startedAt: now, endedAt: now, status: 200,
            requestID: nil, verdict: verdict, maybeBilled: maybeBilled, usage: bill.usage)
        try await store.settle(Settlement(lease: lease, outcome: outcome, attempt: record, bill: bill))
    }

    func month(_ tenant: TenantID = .sample()) async throws -> BudgetBook.Entry {
        try await store.budget(of: tenant, at: now)[BudgetPeriod(.month, containing: now)]
    }

    /// Books a call for which nothing was reserved.
    func addUsage(costing money: Int, at time: Timestamp? = nil, of tenant: TenantID = .sample()) async throws {
        let bill = Bill(
            model: "claude-test", usage: TokenUsage(input: 5, output: 0), cost: Money(microdollars: money),
            isPriced: true)
        let key = UsageKey(tenant: tenant, at: time ?? now, key: "k1", model: "claude-test")
        try await store.addUsage([key: UsageCounts(bill, isError: false, isMaybeBilled: false)])
    }

    func call(_ id: String, _ demand: BudgetAmount = World.demand, holder: String = "p1") -> NewCall {
        NewCall(
            id: id, tenant: .sample(), model: "claude-test", demand: demand, holder: holder, life: .seconds(60))
    }

    func endCall(_ id: String, costing money: Int?, silent: Int = 0) async throws {
        let known = money.map { BudgetAmount(tokens: 5, money: Money(microdollars: $0)) }
        let bill = Bill(
            model: "claude-test", usage: known.map { _ in TokenUsage(input: 5, output: 0) },
            cost: known?.money ?? .zero, isPriced: true)
        let key = UsageKey(tenant: .sample(), at: now, key: "k1", model: "claude-test")
        let counts = UsageCounts(bill, isError: money == nil, isMaybeBilled: silent > 0)
        try await store.settleCall(
            CallSettlement(id: id, usage: [key: counts], known: known, silent: silent))
    }
}

extension JobStore {
    /// Replays at prices of nothing.
    func replay(
        _ replays: [Replay], of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> [ReplayOutcome] {
        try await replay(replays, of: tenant, pricedBy: .free, at: now)
    }
}
