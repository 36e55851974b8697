import API
import Domain
import Logging
import Queue
import Synchronization
import Testing

@testable import Relay

struct TenantUpkeepTests {
    @Test func `limits that cannot be read keep no call from being renewed`() async {
        let store = UnreadableLimits()
        let upkeep = TenantUpkeep(
            directory: TenantDirectory(store: store), holder: "p1",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await upkeep.step(renews: true)
        await upkeep.step(renews: false)
        #expect(store.renewals == 1)
    }
}

private final class UnreadableLimits: TenantStore {
    private let count = Mutex(0)
    var renewals: Int { count.withLock { $0 } }

    func limits() async throws(JobStoreError) -> [TenantID: TenantLimits] { throw .unavailable(detail: "scripted") }

    func renewCalls(
        _ ids: Set<String>, of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError) {
        count.withLock { $0 += 1 }
    }

    func changeLimits(
        of tenant: TenantID, at now: Timestamp, _ change: @escaping @Sendable (inout TenantLimits) -> Void
    ) async throws(JobStoreError) -> TenantLimits { .none }
    func budget(of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BudgetBook { BudgetBook() }
    func reserveCall(_ call: NewCall, at now: Timestamp) async throws(JobStoreError) -> CallReservation { .unlimited }
    func settleCall(_ settlement: CallSettlement) async throws(JobStoreError) {}
    func addUsage(_ usage: [UsageKey: UsageCounts]) async throws(JobStoreError) {}
    func usage(_ query: UsageQuery) async throws(JobStoreError) -> [UsageRow] { [] }
}
