package import Domain

/// Where the limits of tenants, their budgets and their usage are kept.
///
/// Every method that changes something is one transaction. Jobs are let in, and their reservations settled, in the
/// transactions of ``JobStore`` that change their state.
package protocol TenantStore: Sendable {
    /// Makes `change` to a tenant's limits as they are then; ``TenantLimits/none`` removes them. A budget that is new counts
    /// what the tenant has used in its periods before.
    /// - Parameter change: may be called more than once.
    /// - Returns: the limits after it.
    @discardableResult
    func changeLimits(
        of tenant: TenantID, at now: Timestamp, _ change: @escaping @Sendable (inout TenantLimits) -> Void
    ) async throws(JobStoreError) -> TenantLimits
    /// Of tenants that have some.
    func limits() async throws(JobStoreError) -> [TenantID: TenantLimits]
    /// Where the day and the month of `now` stand; empty if the tenant has no budget.
    func budget(of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BudgetBook

    // MARK: Synchronous calls

    /// Sets aside what a synchronous call may take, until it is settled or not renewed in time.
    func reserveCall(_ call: NewCall, at now: Timestamp) async throws(JobStoreError) -> CallReservation
    /// Ends a call for which something was set aside: settles that and books its usage, in one. A second time, or after the
    /// reservation has expired, changes nothing: what failed can be tried again, also if it was done all the same.
    func settleCall(_ settlement: CallSettlement) async throws(JobStoreError)
    /// What `holder` has set aside for these calls stays so until `now + life`.
    func renewCalls(
        _ ids: Set<String>, of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError)

    // MARK: Usage

    /// Books usage that no budget waits for.
    func addUsage(_ usage: [UsageKey: UsageCounts]) async throws(JobStoreError)
    /// In the order of what the rows are grouped by.
    /// - Throws: `.tooMany` for more than ``UsageQuery/limit`` rows: a bill of some of them would pass for one of all.
    func usage(_ query: UsageQuery) async throws(JobStoreError) -> [UsageRow]
}

extension TenantStore {
    /// Sets all limits of a tenant, whatever they were.
    package func setLimits(
        _ limits: TenantLimits, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) {
        try await changeLimits(of: tenant, at: now) { $0 = limits }
    }
}

/// A synchronous call before it is sent.
package struct NewCall: Hashable, Sendable {
    /// Of its own.
    package let id: String
    package let tenant: TenantID
    package let model: String
    package let demand: BudgetAmount
    /// The process that makes it.
    package let holder: String
    /// How long its reservation holds without ``TenantStore/renewCalls(_:of:for:at:)``.
    package let life: Duration

    package init(
        id: String, tenant: TenantID, model: String, demand: BudgetAmount, holder: String, life: Duration
    ) {
        self.id = id
        self.tenant = tenant
        self.model = model
        self.demand = demand
        self.holder = holder
        self.life = life
    }
}

/// Whether a synchronous call may be sent.
package enum CallReservation: Hashable, Sendable {
    case reserved
    /// Its tenant has no budget: it may be sent, and nothing is set aside for it.
    case unlimited
    case refused(AdmissionRefusal)
}

/// How a synchronous call has ended.
package struct CallSettlement: Hashable, Sendable {
    package let id: String
    package let usage: [UsageKey: UsageCounts]
    /// What its attempts have said they cost; nil if none has.
    package let known: BudgetAmount?
    /// Attempts that may have been billed and did not say.
    package let silent: Int

    package init(id: String, usage: [UsageKey: UsageCounts], known: BudgetAmount?, silent: Int) {
        self.id = id
        self.usage = usage
        self.known = known
        self.silent = silent
    }
}

/// What to sum usage up by, and of what.
package struct UsageQuery: Hashable, Sendable {
    package enum Dimension: String, Hashable, Sendable, CaseIterable {
        case tenant, day, key, model
    }

    /// Rows of an answer.
    package static let limit = 10_000
    /// nil for all.
    package var tenant: TenantID?
    /// From the day of this instant on.
    package var since: Timestamp?
    /// Up to, and without, this instant's day.
    package var until: Timestamp?
    /// Empty: one row for all.
    package var dimensions: Set<Dimension>

    package init(
        tenant: TenantID? = nil, since: Timestamp? = nil, until: Timestamp? = nil, by dimensions: Set<Dimension> = []
    ) {
        self.tenant = tenant
        self.since = since
        self.until = until
        self.dimensions = dimensions
    }
}

/// A sum of usage. nil: not grouped by that.
package struct UsageRow: Hashable, Sendable {
    package let tenant: TenantID?
    package let day: Timestamp?
    package let key: String?
    package let model: String?
    package let counts: UsageCounts

    package init(tenant: TenantID?, day: Timestamp?, key: String?, model: String?, counts: UsageCounts) {
        self.tenant = tenant
        self.day = day
        self.key = key
        self.model = model
        self.counts = counts
    }
}
