import Domain
import Queue
import Synchronization

/// A store whose next settlements of calls fail.
final class StumblingTenantStore: TenantStore {
    enum Fault: Hashable, Sendable, CaseIterable {
        case nothingDone, doneAllTheSame
    }

    private let base: MemoryJobStore
    private let fault: Fault
    private let failures: Mutex<Int>

    init(_ base: MemoryJobStore, _ fault: Fault, failures: Int = 1) {
        self.base = base
        self.fault = fault
        self.failures = Mutex(failures)
    }

    func settleCall(_ settlement: CallSettlement) async throws(JobStoreError) {
        let fails = failures.withLock { failures in
            defer { failures -= 1 }
            return failures > 0
        }
        if !fails || fault == .doneAllTheSame { try await base.settleCall(settlement) }
        if fails { throw .unavailable(detail: "scripted") }
    }

    func changeLimits(
        of tenant: TenantID, at now: Timestamp, _ change: @escaping @Sendable (inout TenantLimits) -> Void
    ) async throws(JobStoreError) -> TenantLimits {
        try await base.changeLimits(of: tenant, at: now, change)
    }

    func limits() async throws(JobStoreError) -> [TenantID: TenantLimits] { try await base.limits() }

    func budget(of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BudgetBook {
        try await base.budget(of: tenant, at: now)
    }

    func reserveCall(_ call: NewCall, at now: Timestamp) async throws(JobStoreError) -> CallReservation {
        try await base.reserveCall(call, at: now)
    }

    func renewCalls(
        _ ids: Set<String>, of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError) {
        try await base.renewCalls(ids, of: holder, for: life, at: now)
    }

    func addUsage(_ usage: [UsageKey: UsageCounts]) async throws(JobStoreError) { try await base.addUsage(usage) }

    func usage(_ query: UsageQuery) async throws(JobStoreError) -> [UsageRow] { try await base.usage(query) }
}
