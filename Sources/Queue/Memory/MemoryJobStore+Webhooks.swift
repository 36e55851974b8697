package import Domain

extension MemoryJobStore {
    package func addEndpoint(
        _ endpoint: WebhookEndpoint, sealedUnder revision: Int, limit: Int
    ) async throws(JobStoreError) -> Bool {
        try change { model throws(JobStoreError) in
            try model.requireKeyring(revision)
            let count = model.endpoints.count { $0.tenant == endpoint.tenant }
            guard count < min(limit, WebhookEndpoint.most) else { return false }
            try model.addEndpoint(endpoint)
            try model.audit(.webhookAdded, endpoint.id, "tenant \(endpoint.tenant)")
            return true
        }
    }

    package func endpoints(
        of tenant: TenantID?, after: String?, limit: Int
    ) async throws(JobStoreError) -> [WebhookEndpoint] {
        try change { model in
            let index = after.map { id in model.endpoints.firstIndex { $0.id == id } ?? model.endpoints.count }
            return model.endpoints.dropFirst(index.map { $0 + 1 } ?? 0).filter { tenant == nil || $0.tenant == tenant }
                .prefix(min(max(limit, 1), WebhookEndpoint.most)).map { model.shown($0) }
        }
    }

    package func endpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> WebhookEndpoint? {
        try change { model in model.endpointIndex(id, of: tenant).map { model.shown(model.endpoints[$0]) } }
    }

    package func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) async throws(JobStoreError) -> WebhookEndpoint? {
        try self.change { model throws(JobStoreError) in
            if let rotation = change.rotation, model.endpointIndex(id, of: tenant) != nil {
                try model.requireKeyring(rotation.keyringRevision)
            }
            guard let index = model.endpointIndex(id, of: tenant) else { return nil }
            let endpoint = model.shown(model.endpoints[index])
            guard endpoint.isChanged(by: change) else { return endpoint }
            guard let changed = model.changeEndpoint(id, of: tenant, change, at: now) else { return nil }
            try model.audit(change.action, id, change.words)
            return changed
        }
    }

    package func removeEndpoint(_ id: String, of tenant: TenantID?) async throws(JobStoreError) -> Bool {
        try change { model throws(JobStoreError) in
            guard let index = model.endpointIndex(id, of: tenant) else { return false }
            try model.audit(.webhookRemoved, id, "tenant \(model.endpoints[index].tenant)")
            return model.removeEndpoint(id, of: tenant)
        }
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
        try change { model throws(JobStoreError) in
            let disabling = model.settleDelivery(delivery, as: outcome, log: log, rules: rules)
            if let disabling { try model.audit(.webhookDisabled, disabling.endpoint, disabling.reason) }
            return disabling
        }
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
    ) async throws(JobStoreError) -> RedeliveryOutcome {
        try change { model throws(JobStoreError) in
            let effect = model.redeliver(id, of: tenant, at: now)
            if effect == .changed { try model.audit(.webhookRedelivered, id) }
            guard let index = model.deliveryIndex(id, of: tenant) else { return .unknown }
            let record = model.record(model.deliveries[index])
            return effect == .refused ? .notSendable(record) : .sent(record)
        }
    }

    package func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try change { model throws(JobStoreError) in
            let count = model.redeliverFailed(endpoint: endpoint, of: tenant, since: since, limit: limit, at: now)
            guard count > 0 else { return 0 }
            let subject = endpoint ?? tenant?.text ?? "all tenants"
            try model.audit(.webhookRedelivered, subject, "\(count) that failed since \(since.rfc3339)")
            return count
        }
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
