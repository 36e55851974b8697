import Domain

extension MemoryModel {
    struct Outgoing: Sendable {
        let id: String
        let tenant: TenantID
        /// nil if the event is of none: then `data` is what it tells.
        let job: JobID?
        let data: [UInt8]
        var url: String
        let endpoint: String?
        let event: WebhookEvent
        var createdAt: Timestamp
        var lane: Int64
        var state = DeliveryState.pending
        var attempt = 0
        /// The attempts before it was last sent anew.
        var roundStart = 0
        var isInFlight = false
        var dueAt: Timestamp
        var endedAt: Timestamp?
        var status: Int?
        var error: String?
        var log: [DeliveryAttempt] = []
    }

    // MARK: Endpoints

    func endpointIndex(_ id: String, of tenant: TenantID?) -> Int? {
        endpoints.firstIndex { $0.id == id && (tenant == nil || $0.tenant == tenant) }
    }

    func shown(_ endpoint: WebhookEndpoint) -> WebhookEndpoint {
        endpoint.with(laneIndex(named: endpoint.id).map { deliveryLanes[$0].health } ?? EndpointHealth())
    }

    mutating func addEndpoint(_ endpoint: WebhookEndpoint) throws(JobStoreError) {
        guard endpointIndex(endpoint.id, of: nil) == nil else {
            throw .unavailable(detail: "an endpoint of the id \(endpoint.id) exists")
        }
        endpoints.append(endpoint)
        deliveryLanes[makeLane(endpoint.id, of: endpoint.id, endpoint.tenant)].mode = DeliveryLane.Mode(endpoint.status)
    }

    mutating func changeEndpoint(
        _ id: String, of tenant: TenantID?, _ change: EndpointChange, at now: Timestamp
    ) -> WebhookEndpoint? {
        guard let index = endpointIndex(id, of: tenant) else { return nil }
        let changed = shown(endpoints[index]).changed(by: change, at: now)
        endpoints[index] = changed
        guard let lane = laneIndex(named: id) else { return changed }
        deliveryLanes[lane].health = changed.health
        deliveryLanes[lane].waitsUntil = nil
        deliveryLanes[lane].mode = DeliveryLane.Mode(changed.status)
        reopen(lane, at: now)
        topics.insert(.deliveries)
        return changed
    }

    mutating func removeEndpoint(_ id: String, of tenant: TenantID?) -> Bool {
        guard let index = endpointIndex(id, of: tenant) else { return false }
        endpoints.remove(at: index)
        deliveries.removeAll { $0.endpoint == id && $0.state == .pending }
        deliveryLanes.removeAll { $0.endpoint == id }
        return true
    }

    // MARK: Posting

    /// Writes one outbox row for each receiver of a job's end.
    mutating func announce(_ job: NewJob, endedAs state: JobState, at now: Timestamp) {
        guard let event = WebhookEvent(endedAs: state) else { return }
        for endpoint in endpoints where endpoint.tenant == job.tenant {
            guard endpoint.events.contains(event) || job.webhook == .endpoint(endpoint.id) else { continue }
            post(event, of: job.id, tenant: job.tenant, to: endpoint.url, endpoint: endpoint.id, at: now)
        }
        guard case .url(let url) = job.webhook else { return }
        post(event, of: job.id, tenant: job.tenant, to: url, endpoint: nil, at: now)
    }

    /// Writes one outbox row for each endpoint of `tenant` that listens to an event that is of no job.
    mutating func announce(
        _ event: WebhookEvent, _ data: [UInt8], to tenant: TenantID, except: String? = nil, at now: Timestamp
    ) {
        for endpoint in endpoints where endpoint.tenant == tenant {
            guard endpoint.events.contains(event), endpoint.id != except else { continue }
            post(event, of: nil, data: data, tenant: tenant, to: endpoint.url, endpoint: endpoint.id, at: now)
        }
    }

    mutating func postTest(
        _ data: [UInt8], to endpoint: String, of tenant: TenantID?, at now: Timestamp
    ) -> String? {
        guard let found = endpointIndex(endpoint, of: tenant).map({ endpoints[$0] }) else { return nil }
        _ = laneIndex(of: found.tenant)
        return post(
            .webhookTest, of: nil, data: data, tenant: found.tenant, to: found.url, endpoint: endpoint, at: now)
    }

    /// - Returns: the delivery's id.
    @discardableResult
    private mutating func post(
        _ event: WebhookEvent, of job: JobID?, data: [UInt8] = [], tenant: TenantID, to url: String, endpoint: String?,
        at now: Timestamp
    ) -> String {
        let id = random.makeDeliveryID()
        let lane = makeLane(laneName(of: event, tenant, url, endpoint), of: endpoint, tenant)
        deliveryLanes[lane].post(at: now)
        deliveries.append(
            Outgoing(
                id: id, tenant: tenant, job: job, data: data, url: url, endpoint: endpoint, event: event,
                createdAt: now, lane: deliveryLanes[lane].number, dueAt: now))
        topics.insert(.deliveries)
        return id
    }

    func laneName(of event: WebhookEvent, _ tenant: TenantID, _ url: String, _ endpoint: String?) -> String {
        guard let endpoint else { return originLane(of: tenant, url: url) }
        return event == .webhookTest ? DeliveryLane.testName(ofEndpoint: endpoint) : endpoint
    }

    private func originLane(of tenant: TenantID, url: String) -> String {
        let name = DeliveryLane.name(of: tenant.text, url: url)
        let count = deliveryLanes.count { $0.tenant == tenant && $0.endpoint == nil }
        guard laneIndex(named: name) == nil, count >= DeliveryLane.ownLanes else { return name }
        return DeliveryLane.sharedName(of: tenant.text, instead: name)
    }
}
