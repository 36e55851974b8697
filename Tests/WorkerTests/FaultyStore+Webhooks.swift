import Domain
import Queue

// Webhooks pass through: no fault concerns them.

extension FaultyStore {
    func addEndpoint(
        _ endpoint: WebhookEndpoint, sealedUnder revision: Int, limit: Int
    ) async throws(JobStoreError) -> Bool {
        try await base.addEndpoint(endpoint, sealedUnder: revision, limit: limit)
    }

    func endpoints(
        of tenant: TenantID?, after: String?, limit: Int
    ) async throws(JobStoreError) -> [WebhookEndpoint] {
        try await base.endpoints(of: tenant, after: after, limit: limit)
    }

    func endpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> WebhookEndpoint? {
        try await base.endpoint(id, of: tenant)
    }

    func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) async throws(JobStoreError) -> WebhookEndpoint? {
        try await base.changeEndpoint(id, of: tenant, change, at: now)
    }

    func removeEndpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> Bool {
        try await base.removeEndpoint(id, of: tenant)
    }

    func postTest(
        _ data: [UInt8], to endpoint: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> String? {
        try await base.postTest(data, to: endpoint, of: tenant, at: now)
    }

    func claimDeliveries(
        _ demand: DeliveryDemand, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Delivery] {
        try await base.claimDeliveries(demand, at: now, for: duration)
    }

    func settleDelivery(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) async throws(JobStoreError) -> EndpointDisabling? {
        try await base.settleDelivery(delivery, as: outcome, log: log, rules: rules)
    }

    func deliveries(_ query: DeliveryQuery) async throws(JobStoreError) -> DeliveryPage {
        try await base.deliveries(query)
    }

    func delivery(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> DeliveryHistory? {
        try await base.delivery(id, of: tenant)
    }

    func redeliver(
        _ id: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> RedeliveryOutcome {
        try await base.redeliver(id, of: tenant, at: now)
    }

    func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try await base.redeliverFailed(endpoint: endpoint, of: tenant, since: since, limit: limit, at: now)
    }

    func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int] {
        try await base.deliveryCounts()
    }

    func laneCounts(at now: Timestamp) async throws(JobStoreError) -> [EndpointHealth.State: Int] {
        try await base.laneCounts(at: now)
    }
}
