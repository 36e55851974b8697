package import Domain

extension MemoryJobStore {
    package func addEndpoint(_ endpoint: WebhookEndpoint) async throws(JobStoreError) {
        try change { model throws(JobStoreError) in try model.addEndpoint(endpoint) }
    }

    package func endpoints(of tenant: TenantID?) async throws(JobStoreError) -> [WebhookEndpoint] {
        try change { model in
            model.endpoints.filter { tenant == nil || $0.tenant == tenant }.prefix(1000).map { model.shown($0) }
        }
    }

    package func endpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> WebhookEndpoint? {
        try change { model in model.endpointIndex(id, of: tenant).map { model.shown(model.endpoints[$0]) } }
    }

    package func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) async throws(JobStoreError) -> WebhookEndpoint? {
        try self.change { $0.changeEndpoint(id, of: tenant, change, at: now) }
    }

    package func removeEndpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> Bool {
        try change { $0.removeEndpoint(id, of: tenant) }
    }

    package func postTest(
        _ data: [UInt8], to endpoint: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> String? {
        try change { $0.postTest(data, to: endpoint, of: tenant, at: now) }
    }

    package func claimDeliveries(
        _ demand: DeliveryDemand, at now: Timestamp, for duration: Duration
    ) async throws(JobStoreError) -> [Delivery] {
        try change { $0.claimDeliveries(demand, at: now, until: now.advanced(by: duration)) }
    }

    package func settleDelivery(
        _ delivery: Delivery, as outcome: DeliveryOutcome, log: DeliveryAttempt, rules: EndpointRules
    ) async throws(JobStoreError) -> EndpointDisabling? {
        try change { $0.settleDelivery(delivery, as: outcome, log: log, rules: rules) }
    }

    package func deliveries(_ query: DeliveryQuery) async throws(JobStoreError) -> DeliveryPage {
        try change { $0.deliveries(query) }
    }

    package func delivery(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> DeliveryHistory? {
        try change { model in
            model.deliveryIndex(id, of: tenant).map { model.deliveries[$0] }.map {
                DeliveryHistory(record: model.record($0), attempts: Array($0.log.prefix(1000)))
            }
        }
    }

    package func redeliver(
        _ id: String, of tenant: TenantID?, at now: Timestamp
    ) async throws(JobStoreError) -> DeliveryRecord? {
        try change { $0.redeliver(id, of: tenant, at: now) }
    }

    package func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try change { $0.redeliverFailed(endpoint: endpoint, of: tenant, since: since, limit: limit, at: now) }
    }

    package func deliveryCounts() async throws(JobStoreError) -> [DeliveryState: Int] {
        try change { model in
            let none = Dictionary(uniqueKeysWithValues: DeliveryState.allCases.map { ($0, 0) })
            return model.deliveries.reduce(into: none) { $0[$1.state, default: 0] += 1 }
        }
    }

    package func laneCounts(at now: Timestamp) async throws(JobStoreError) -> [EndpointHealth.State: Int] {
        try change { model in
            let none = Dictionary(uniqueKeysWithValues: EndpointHealth.State.allCases.map { ($0, 0) })
            return model.deliveryLanes.reduce(into: none) { $0[$1.health.state(at: now), default: 0] += 1 }
        }
    }
}
