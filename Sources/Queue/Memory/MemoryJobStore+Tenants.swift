package import Domain

extension MemoryJobStore: TenantStore {
    package func changeLimits(
        of tenant: TenantID, at now: Timestamp, _ change: @escaping @Sendable (inout TenantLimits) -> Void
    ) async throws(JobStoreError) -> TenantLimits {
        try self.change { model throws(JobStoreError) in
            var limits = model.tenancy.limits[tenant] ?? .none
            change(&limits)
            try model.audit(.tenantLimitsSet, tenant.text, limits.words)
            model.setLimits(limits, of: tenant, at: now)
            return limits
        }
    }

    package func limits() async throws(JobStoreError) -> [TenantID: TenantLimits] {
        try change { $0.tenancy.limits }
    }

    package func budget(of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BudgetBook {
        try change { $0.budget(of: tenant, at: now) }
    }

    package func reserveCall(
        _ call: NewCall, at now: Timestamp
    ) async throws(JobStoreError) -> CallReservation {
        try change { $0.reserveCall(call, at: now) }
    }

    package func settleCall(_ settlement: CallSettlement) async throws(JobStoreError) {
        try change { model in
            guard model.endCall(settlement.id, known: settlement.known, silent: settlement.silent) else { return }
            for (key, counts) in settlement.usage { model.addUsage(counts, at: key) }
        }
    }

    package func renewCalls(
        _ ids: Set<String>, of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError) {
        try change { $0.renewCalls(ids, of: holder, until: now.advanced(by: life)) }
    }

    package func addUsage(_ usage: [UsageKey: UsageCounts]) async throws(JobStoreError) {
        try change { model in
            for (key, counts) in usage {
                model.addUsage(counts, at: key)
                model.spend(counts.amount, of: key.tenant, at: key.day)
            }
        }
    }

    package func usage(_ query: UsageQuery) async throws(JobStoreError) -> [UsageRow] {
        try change { model throws(JobStoreError) in try model.usage(query) }
    }
}
