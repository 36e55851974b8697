import Domain

extension MemoryModel {
    /// Writes one outbox row for each receiver of the event.
    mutating func announce(_ job: NewJob, endedAs state: JobState, at now: Timestamp) {
        guard let event = WebhookEvent(endedAs: state) else { return }
        for endpoint in endpoints where endpoint.tenant == job.tenant {
            if endpoint.events.contains(event) || job.webhook == .endpoint(endpoint.id) {
                post(event, of: job.id, to: endpoint.url, endpoint: endpoint.id, at: now)
            }
        }
        if case .url(let url) = job.webhook { post(event, of: job.id, to: url, endpoint: nil, at: now) }
    }

    private mutating func post(
        _ event: WebhookEvent, of job: JobID, to url: String, endpoint: String?, at now: Timestamp
    ) {
        deliveries.append(
            Outgoing(
                id: random.makeDeliveryID(), job: job, url: url, endpoint: endpoint, event: event, createdAt: now,
                dueAt: now))
        topics.insert(.deliveries)
    }

    mutating func removeEndpoint(_ id: String, of tenant: TenantID?) -> Bool {
        guard let index = endpoints.firstIndex(where: { $0.id == id && (tenant == nil || $0.tenant == tenant) }) else { return false }
        endpoints.remove(at: index)
        deliveries.removeAll { $0.endpoint == id && $0.state == .pending }
        return true
    }

    mutating func claimDeliveries(limit: Int, at now: Timestamp, until end: Timestamp) -> [Delivery] {
        let due = deliveries.indices.filter { deliveries[$0].state == .pending && deliveries[$0].dueAt <= now }
            .sorted { (deliveries[$0].dueAt, $0) < (deliveries[$1].dueAt, $1) }
        return due.prefix(min(max(limit, 0), 1000)).compactMap { claimDelivery(at: $0, until: end) }
    }

    private mutating func claimDelivery(at index: Int, until end: Timestamp) -> Delivery? {
        deliveries[index].attempt += 1
        deliveries[index].isInFlight = true
        deliveries[index].dueAt = end
        let outgoing = deliveries[index]
        guard let job = rows[outgoing.job].map({ jobs[$0] }) else { return nil }
        return Delivery(
            id: outgoing.id, attempt: outgoing.attempt, url: outgoing.url, tenant: job.new.tenant,
            endpoint: endpoints.first { $0.id == outgoing.endpoint }, event: outgoing.event,
            createdAt: outgoing.createdAt, subject: .job(job.record, job.ended?.result))
    }

    mutating func settleDelivery(_ id: String, attempt: Int, as outcome: DeliveryOutcome) {
        guard let index = deliveries.firstIndex(where: { $0.id == id }), deliveries[index].isInFlight,
            deliveries[index].attempt == attempt
        else { return }
        deliveries[index].isInFlight = false
        switch outcome {
        case .delivered: deliveries[index].state = .delivered
        case .failed, .gone: deliveries[index].state = .failed
        case .retry(let due, _), .postponed(let due):
            deliveries[index].dueAt = due
            topics.insert(.deliveries)
        }
    }
}
