import Domain
import Queue
import TestSupport
import Testing

/// The short forms that tests of callbacks speak in.
extension World {
    /// Ends so many jobs of `tenant`, each of which posts to `webhook` and to the tenant's endpoints.
    func announce(_ count: Int = 1, tenant: TenantID = .sample(), to webhook: WebhookTarget? = nil) async throws {
        for slice in stride(from: 0, to: count, by: 500) {
            let jobs = (slice..<min(slice + 500, count)).map { _ in
                NewJob.sample(tenant: tenant, at: now, webhook: webhook)
            }
            _ = try await store.submit(jobs)
            while case let claims = try await claim(500), !claims.isEmpty {
                try await withThrowingTaskGroup { group in
                    for claim in claims { group.addTask { try await finish(claim.lease) } }
                    try await group.waitForAll()
                }
            }
        }
    }

    func demand(_ slots: DeliverySlots) -> DeliveryDemand {
        DeliveryDemand(slots: slots, perLane: 100, inlineLimit: .max)
    }

    /// Ends a job and delivers what it posts: whoever listens has answered well.
    func endpointsWork() async throws {
        try await announce()
        _ = try await deliverAll()
    }

    func endpoint(_ id: String) async throws -> WebhookEndpoint {
        guard let endpoint = try await store.endpoint(id, of: nil) else { throw Unexpected(what: "no endpoint \(id)") }
        return endpoint
    }

    func change(_ id: String, _ change: EndpointChange) async throws {
        guard try await store.changeEndpoint(id, of: nil, change, at: now) != nil else {
            throw Unexpected(what: "no endpoint \(id)")
        }
    }

    func history(_ id: String) async throws -> DeliveryHistory {
        guard let found = try await store.delivery(id, of: nil) else { throw Unexpected(what: "no delivery \(id)") }
        return found
    }

    /// Claims what is due and fails it, to be due again at once.
    @discardableResult
    func failOnce(_ limit: Int = 100, rules: EndpointRules = EndpointRules()) async throws -> EndpointDisabling? {
        var disabling: EndpointDisabling?
        for delivery in try await claimDeliveries(limit) {
            disabling = try await settle(delivery, as: .retry(at: now, error: "HTTP 500"), rules: rules) ?? disabling
        }
        return disabling
    }

    /// Claims and delivers until nothing is due. - Returns: the ids, in order.
    func deliverAll() async throws -> [String] {
        try await takeAll().map(\.id)
    }

    /// Claims and delivers until nothing is due. - Returns: what there was, in order.
    func takeAll() async throws -> [Delivery] {
        var taken: [Delivery] = []
        for _ in 0..<10_000 {
            let claimed = try await claimDeliveries(1000)
            guard !claimed.isEmpty else { return taken }
            taken += claimed
            for delivery in claimed { try await settle(delivery, as: .delivered(at: now, status: 200)) }
        }
        throw Unexpected(what: "no end of deliveries")
    }

    func pending() async throws -> Int {
        try await store.deliveryCounts()[.pending] ?? -1
    }

    /// What a recount finds; nothing of a store that keeps no counts.
    func problems() async throws -> [String] {
        try await (store as? SQLiteJobStore)?.problems() ?? []
    }
}

extension RedeliveryOutcome {
    var sent: DeliveryRecord? {
        if case .sent(let record) = self { record } else { nil }
    }

    var refused: DeliveryRecord? {
        if case .notSendable(let record) = self { record } else { nil }
    }
}
