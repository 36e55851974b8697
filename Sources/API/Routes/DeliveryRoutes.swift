import Domain
import Queue

/// What became of the events that a tenant was to hear of, and sending them once more.
struct DeliveryRoutes: Sendable {
    /// Of one call that redelivers; the client repeats it until nothing is left.
    private static let redeliveredAtOnce = 10_000
    private static let piece = 500
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/v1/deliveries", scope: .webhooks) { try await list($0, endpoint: nil) },
            Route("GET", "/v1/deliveries/{}", scope: .webhooks, handler: show),
            Route("POST", "/v1/deliveries/{}/redeliver", scope: .webhooks, handler: redeliver),
            Route("POST", "/v1/deliveries/redeliver", scope: .webhooks) {
                try await redeliverFailed($0, endpoint: nil)
            },
            Route("GET", "/v1/webhooks/{}/deliveries", scope: .webhooks) {
                try await list($0, endpoint: $0.parameters[0])
            },
            Route("POST", "/v1/webhooks/{}/redeliver", scope: .webhooks) {
                try await redeliverFailed($0, endpoint: $0.parameters[0])
            },
        ]
    }

    private func list(_ call: Call, endpoint: String?) async throws -> Answer {
        if let endpoint { _ = try await found(endpoint, visibleTo: try call.visibleTenant()) }
        let limit = try call.query.limit(in: DeliveryQuery.limits)
        var query = DeliveryQuery(tenant: try call.listedTenant(), limit: limit ?? 20)
        query.endpoint = try endpoint ?? call.query.value("webhook", "an endpoint's id") { $0.isEmpty ? nil : $0 }
        query.job = try call.query.value("job", "a job's id (job_…)") { JobID($0) }
        query.state = try call.query.value("status", DeliveryState.allCases.map(\.rawValue).joined(separator: ", ")) {
            DeliveryState(rawValue: $0)
        }
        query.since = try call.query.value("created_since", JobDraft.timeRule) { Timestamp(rfc3339: $0) }
        query.after = call.query["after"]
        let wanted = query
        let page = try await services.store.reading { store throws(JobStoreError) in try await store.deliveries(wanted)
        }
        return .json(WebhookText.page(page))
    }

    private func show(_ call: Call) async throws -> Answer {
        let (id, tenant) = (call.parameters[0], try call.visibleTenant())
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.delivery(id, of: tenant)
        }
        guard let found else { throw Self.unknown }
        return .json(WebhookText.delivery(found.record, attempts: found.attempts))
    }

    /// The same event once more, with the same id, its schedule begun anew.
    private func redeliver(_ call: Call) async throws -> Answer {
        let (id, tenant, now) = (call.parameters[0], try call.visibleTenant(), services.wall.now())
        let outcome = try await services.store.reading { store throws(JobStoreError) in
            try await store.redeliver(id, of: tenant, at: now)
        }
        switch outcome {
        case .sent(let record): return .json(WebhookText.delivery(record), status: 202)
        case .notSendable(let record): throw record.notSendable
        case .unknown: throw Self.unknown
        }
    }

    private func redeliverFailed(_ call: Call, endpoint: String?) async throws -> Answer {
        let fields = try JSONFields(try await call.body.collect(limit: EndpointDraft.bodyLimit))
        try fields.allowOnly(["since"])
        let since = try fields.require("since", JobDraft.timeRule) { member in
            fields.string(member).flatMap(Timestamp.init(rfc3339:))
        }
        let (tenant, now) = (try call.tenant(), services.wall.now())
        if let endpoint {
            let found = try await found(endpoint, visibleTo: tenant)
            guard found.status != .disabled else { throw found.notSendable }
        }
        var count = 0
        var isDone = false
        while count < Self.redeliveredAtOnce, !isDone {
            let moved = try await services.store.reading { store throws(JobStoreError) in
                try await store.redeliverFailed(
                    endpoint: endpoint, of: tenant, since: since, limit: Self.piece, at: now)
            }
            count += moved
            isDone = moved == 0
        }
        var json = JSONObject()
        json.set("type", "webhook_redelivery")
        json.set("count", count)
        json.set("has_more", !isDone)
        return .json(json.closed(), status: 202)
    }

    /// - Throws: `webhook_unknown` also for endpoints of others.
    private func found(
        _ endpoint: String, visibleTo tenant: TenantID?
    ) async throws(RelayError) -> WebhookEndpoint {
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.endpoint(endpoint, of: tenant)
        }
        guard let found else { throw WebhookRoutes.unknown }
        return found
    }

    private static let unknown = RelayError(
        .deliveryUnknown, "There is no such delivery.", remedy: "List yours with GET /v1/deliveries.")
}
