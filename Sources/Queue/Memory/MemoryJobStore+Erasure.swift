package import Domain

extension MemoryJobStore: ErasureStore {
    package func erasable(of tenant: TenantID) async throws(JobStoreError) -> ErasureScope? {
        look { $0.erasable(of: tenant) }
    }

    package func erase(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> ErasureScope? {
        try change { model throws(JobStoreError) in
            guard let scope = model.erasable(of: tenant) else { return nil }
            try model.audit(.tenantErased, tenant.text, scope.words)
            model.erase(tenant, at: now)
            return scope
        }
    }

    package func advanceErasures(limit: Int, at now: Timestamp) async throws(JobStoreError) -> Int { 0 }

    package func forgetDroppedKeys() async throws(JobStoreError) {}
}
