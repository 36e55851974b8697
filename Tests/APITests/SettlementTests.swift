import Domain
import Queue
import TestSupport
import Testing

@testable import API

/// Calls under a budget whose end the store cannot take at once. Prices: $1 and $10 for a million tokens.
struct SettlementTests {
    private let clock = ManualClock()

    /// Two calls of 200 micro-dollars.
    private func callTwice(_ store: StumblingTenantStore, _ directory: TenantDirectory) async throws {
        var limits = TenantLimits()
        limits.budget.moneyPerDay = Money(microdollars: 5000)
        try await store.setLimits(limits, of: .sample(), at: clock.timestamp)
        try await directory.synchronize()
        let gate = TenantGate(
            directory: directory, store: store, ledger: MemoryPacingLedger(), prices: PriceBook(.sample),
            wall: clock.wall, holder: "p1")
        for id in ["a", "b"] {
            let meter = CallMeter(tenant: .sample(), model: "claude-test", maxTokens: 16, prices: .sample)
            try await gate.run(id, meter, body: Array("{}".utf8)) {
                meter.note(
                    .success, key: "k1", usage: TokenUsage(input: 100, output: 10), at: clock.timestamp)
            }
        }
    }

    /// Ten minutes in which the process renews what its directory holds. - Returns: how much was found lost.
    private func wait(_ base: MemoryJobStore, _ directory: TenantDirectory) async throws -> Int {
        var lost = 0
        for _ in 0..<40 {
            clock.advance(by: .seconds(15))
            try await directory.renewCalls(of: "p1", for: .seconds(60), at: clock.timestamp)
            lost += try await base.reap(limit: 100, maxAttempts: 20, at: clock.timestamp)
        }
        return lost
    }

    private func day(_ base: MemoryJobStore) async throws -> BudgetBook.Entry {
        try await base.budget(of: .sample(), at: clock.timestamp)[BudgetPeriod(.day, containing: clock.timestamp)]
    }

    @Test(arguments: StumblingTenantStore.Fault.allCases)
    func `an end that the store did not take, or did not say so, is told again and counts once`(
        _ fault: StumblingTenantStore.Fault
    ) async throws {
        let base = MemoryJobStore(maxDepth: 10, clock: clock)
        let store = StumblingTenantStore(base, fault, failures: 3)
        let directory = TenantDirectory(store: store)
        try await callTwice(store, directory)
        await #expect(throws: JobStoreError.self) { try await directory.synchronize() }
        #expect(try await wait(base, directory) == 0, "what is not settled yet is still held")
        try await directory.synchronize()
        #expect(try await wait(base, directory) == 0)
        let day = try await day(base)
        #expect(day.reserved == .nothing && day.spent.money.microdollars == 400)
        let usage = try #require(await base.usage(UsageQuery()).first?.counts)
        #expect(usage.requests == 2 && usage.input == 200 && usage.maybeBilled == 0)
    }

    @Test func `an end that nobody keeps any more is not renewed, and counts as spent`() async throws {
        let base = MemoryJobStore(maxDepth: 10, clock: clock)
        let store = StumblingTenantStore(base, .nothingDone, failures: 2)
        let directory = TenantDirectory(store: store, keptSettlements: 1)
        try await callTwice(store, directory)
        let reserved = try await day(base).reserved.money.microdollars
        #expect(try await wait(base, directory) == 1)
        try await directory.synchronize()
        let day = try await day(base)
        #expect(day.reserved == .nothing && day.spent.money.microdollars == 200 + reserved / 2)
    }
}
