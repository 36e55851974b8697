import Domain

extension MemoryModel {
    func record(_ outgoing: Outgoing) -> DeliveryRecord {
        let isPending = outgoing.state == .pending
        let current = outgoing.endpoint.flatMap { endpointIndex($0, of: nil) }.map { endpoints[$0].url }
        return DeliveryRecord(
            id: outgoing.id, tenant: outgoing.tenant, event: outgoing.event,
            url: isPending ? current ?? outgoing.url : outgoing.url, endpoint: outgoing.endpoint, job: outgoing.job,
            state: outgoing.state, attempts: outgoing.attempt, createdAt: outgoing.createdAt,
            dueAt: isPending ? outgoing.dueAt : nil, endedAt: outgoing.endedAt, status: outgoing.status,
            error: outgoing.error)
    }

    func deliveryIndex(_ id: String, of tenant: TenantID?) -> Int? {
        deliveries.firstIndex { $0.id == id && (tenant == nil || $0.tenant == tenant) }
    }

    func deliveries(_ query: DeliveryQuery) -> DeliveryPage {
        var older = deliveries[...]
        if let after = query.after {
            older = older.prefix(deliveryIndex(after, of: query.tenant) ?? 0)
        }
        let found = older.reversed().map(record).filter(query.matches)
        let page = Array(found.prefix(query.limit))
        return DeliveryPage(records: page, next: found.count > query.limit ? page.last?.id : nil)
    }

    // MARK: Sending anew

    mutating func redeliver(_ id: String, of tenant: TenantID?, at now: Timestamp) -> RedeliveryEffect {
        guard let row = deliveryIndex(id, of: tenant) else { return .refused }
        return redeliver(row, at: now)
    }

    mutating func redeliverFailed(
        endpoint: String?, of tenant: TenantID?, since: Timestamp, limit: Int, at now: Timestamp
    ) -> Int {
        let failed = deliveries.indices.filter { row in
            let outgoing = deliveries[row]
            return outgoing.state == .failed && outgoing.endedAt.map { since <= $0 && $0 <= now } ?? false
                && (tenant == nil || outgoing.tenant == tenant) && (endpoint == nil || outgoing.endpoint == endpoint)
        }
        let sendable = failed.filter { row in
            guard let id = deliveries[row].endpoint else { return true }
            return endpointIndex(id, of: nil).map { endpoints[$0].status != .disabled } ?? false
        }
        let chosen = sendable.sorted { order($0) < order($1) }.prefix(min(max(limit, 0), 1000))
        return Array(chosen).count { redeliver($0, at: now) == .changed }
    }

    /// Endpoint by endpoint, then tenant by tenant; what failed first goes first.
    private func order(_ row: Int) -> (Int, Int, Timestamp, Int) {
        let outgoing = deliveries[row]
        let endpoint = outgoing.endpoint.flatMap { endpointIndex($0, of: nil) } ?? .max
        let tenant = endpoint < .max ? 0 : lanes.firstIndex { $0.share.tenant == outgoing.tenant } ?? .max
        return (endpoint, tenant, outgoing.endedAt ?? outgoing.createdAt, row)
    }

    private mutating func redeliver(_ row: Int, at now: Timestamp) -> RedeliveryEffect {
        let outgoing = deliveries[row]
        guard outgoing.state != .pending else { return hasten(row, at: now) }
        if let id = outgoing.endpoint {
            guard let index = endpointIndex(id, of: nil) else { return .refused }
            guard outgoing.event == .webhookTest || endpoints[index].status != .disabled else { return .refused }
        }
        let name = laneName(of: outgoing.event, outgoing.tenant, outgoing.url, outgoing.endpoint)
        let lane = makeLane(name, of: outgoing.endpoint, outgoing.tenant)
        deliveryLanes[lane].post(at: now)
        deliveries[row].lane = deliveryLanes[lane].number
        deliveries[row].state = .pending
        deliveries[row].roundStart = outgoing.attempt
        deliveries[row].dueAt = now
        deliveries[row].endedAt = nil
        deliveries[row].status = nil
        deliveries[row].error = nil
        topics.insert(.deliveries)
        return .changed
    }

    private mutating func hasten(_ row: Int, at now: Timestamp) -> RedeliveryEffect {
        let outgoing = deliveries[row]
        guard let lane = deliveryLanes.firstIndex(where: { $0.number == outgoing.lane }),
            !deliveryLanes[lane].isGivenUp
        else { return .refused }
        guard !outgoing.isInFlight, outgoing.dueAt > now else { return .unchanged }
        deliveries[row].dueAt = now
        reopen(lane, at: now)
        topics.insert(.deliveries)
        return .changed
    }
}
