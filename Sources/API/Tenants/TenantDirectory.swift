import Domain
package import Queue
import Synchronization

/// The limits of tenants as the store last had them, and what their calls have used since it was last told.
///
/// The store is asked and told once a second, so that neither costs a call anything.
package final class TenantDirectory: Sendable {
    /// Rows of usage kept for the store at most; what is beyond counts as the model `other`.
    private static let usageLimit = 10_000

    private struct State {
        var limits: [TenantID: TenantLimits] = [:]
        var usage: [UsageKey: UsageCounts] = [:]

        mutating func add(_ counts: UsageCounts, at key: UsageKey) {
            let isFull = usage[key] == nil && usage.count >= TenantDirectory.usageLimit
            let place = isFull ? key.ofOtherModel : key
            usage[place] = (usage[place] ?? UsageCounts()) + counts
        }
    }

    private let store: any TenantStore
    private let state = Mutex(State())

    package init(store: any TenantStore) {
        self.store = store
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

    /// Reads the limits anew and writes the usage.
    /// - Throws: if the store cannot; then the limits stay as they are, and the usage is kept.
    package func synchronize() async throws(JobStoreError) {
        let limits = try await store.limits()
        state.withLock { $0.limits = limits }
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
    }
}
