package import Domain
package import Queue
import Synchronization

/// The limits of tenants as the store last had them, and what their calls have used since it was last told.
///
/// The store is asked and told once a second, so that neither costs a call anything. Calls under a budget tell it
/// themselves how they end, and what it cannot take then it is told again here.
package final class TenantDirectory: Sendable {
    /// Rows of usage kept for the store at most; what is beyond counts as the model `other`.
    private static let usageLimit = 10_000
    /// Ends of calls kept for the store at most. What is beyond is no longer renewed: it expires, and counts as spent.
    package static let settlementLimit = 10_000

    private struct State {
        var limits: [TenantID: TenantLimits] = [:]
        var usage: [UsageKey: UsageCounts] = [:]
        /// For which something is reserved: under way, or ended without the store's knowing.
        var openCalls: Set<String> = []
        var settlements: [CallSettlement] = []

        mutating func add(_ counts: UsageCounts, at key: UsageKey) {
            let isFull = usage[key] == nil && usage.count >= TenantDirectory.usageLimit
            let place = isFull ? key.ofOtherModel : key
            usage[place] = (usage[place] ?? UsageCounts()) + counts
        }

        mutating func keep(_ ended: some Sequence<CallSettlement>, upTo limit: Int) {
            settlements += ended
            let excess = max(0, settlements.count - limit)
            for lost in settlements.suffix(excess) { openCalls.remove(lost.id) }
            settlements.removeLast(excess)
        }
    }

    private let store: any TenantStore
    private let keptSettlements: Int
    /// Each is a transaction: the round of upkeep that tells them must end before the next renewal.
    private static let settledAtOnce = 200
    private let state = Mutex(State())

    /// - Parameter keptSettlements: ends of calls kept for the store at most.
    package init(store: any TenantStore, keptSettlements: Int = settlementLimit) {
        self.store = store
        self.keptSettlements = keptSettlements
    }

    func limits(of tenant: TenantID) -> TenantLimits {
        state.withLock { $0.limits[tenant] } ?? .none
    }

    /// Adds usage that no budget waits for.
    func add(_ usage: [UsageKey: UsageCounts]) {
        state.withLock { state in
            for (key, counts) in usage { state.add(counts, at: key) }
        }
    }

    /// Something is reserved for a call.
    func open(_ call: String) {
        state.withLock { _ = $0.openCalls.insert(call) }
    }

    /// A call has ended for which something is reserved. What the store cannot take is kept for ``synchronize()``.
    func settle(_ settlement: CallSettlement) async {
        do {
            try await store.settleCall(settlement)
            state.withLock { _ = $0.openCalls.remove(settlement.id) }
        } catch {
            state.withLock { $0.keep([settlement], upTo: keptSettlements) }
        }
    }

    /// What is reserved for calls of this process, `holder`, stays so until `now + life`.
    package func renewCalls(
        of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError) {
        try await store.renewCalls(state.withLock { $0.openCalls }, of: holder, for: life, at: now)
    }

    /// Reads the limits anew and writes the usage, and how calls have ended.
    /// - Throws: if the store cannot; then the limits stay as they are, and what it was not told is kept.
    package func synchronize() async throws(JobStoreError) {
        try await readLimits()
        let usage = state.withLock { state in
            defer { state.usage = [:] }
            return state.usage
        }
        do {
            try await store.addUsage(usage)
        } catch {
            add(usage)
            throw error
        }
        try await settleKept()
    }

    /// - Throws: if the store cannot; then they stay as they are.
    func readLimits() async throws(JobStoreError) {
        let limits = try await store.limits()
        state.withLock { $0.limits = limits }
    }

    private func settleKept() async throws(JobStoreError) {
        let ended = state.withLock { state in
            defer { state.settlements.removeFirst(min(Self.settledAtOnce, state.settlements.count)) }
            return state.settlements.prefix(Self.settledAtOnce)
        }
        for index in ended.indices {
            do {
                try await store.settleCall(ended[index])
                state.withLock { _ = $0.openCalls.remove(ended[index].id) }
            } catch {
                state.withLock { $0.keep(ended[index...], upTo: keptSettlements) }
                throw error
            }
        }
    }
}
