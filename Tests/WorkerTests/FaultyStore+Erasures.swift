import Domain
import Queue

// Erasures pass through: no fault is scripted for them.
extension FaultyStore {
    func erasable(of tenant: TenantID) async throws(JobStoreError) -> ErasureScope? {
        try await base.erasable(of: tenant)
    }

    func erase(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> ErasureScope? {
        try await base.erase(tenant, at: now)
    }

    func advanceErasures(limit: Int, at now: Timestamp) async throws(JobStoreError) -> Int {
        try await base.advanceErasures(limit: limit, at: now)
    }

    func forgetDroppedKeys() async throws(JobStoreError) {
        try await base.forgetDroppedKeys()
    }
}
