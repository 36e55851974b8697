import Domain
import HTTPTypes
import Queue

/// The receivers that a tenant registers.
struct WebhookRoutes: Sendable {
    /// How often a secret is sealed anew because another process changes the keys meanwhile.
    private static let sealings = 3
    let services: APIServices

    var all: [Route] {
        [
            Route("POST", "/v1/webhooks", scope: .webhooks, handler: counted(register)),
            Route("GET", "/v1/webhooks", scope: .webhooks, handler: list),
            Route("GET", "/v1/webhooks/{}", scope: .webhooks, handler: show),
            Route("PATCH", "/v1/webhooks/{}", scope: .webhooks, handler: counted(change)),
            Route("DELETE", "/v1/webhooks/{}", scope: .webhooks, handler: counted(remove)),
            Route("POST", "/v1/webhooks/{}/rotate", scope: .webhooks, handler: counted(rotate)),
            Route("POST", "/v1/webhooks/{}/test", scope: .webhooks, handler: counted(test)),
            Route("POST", "/v1/webhooks/{}/pause", scope: .webhooks, handler: counted { try await set(.paused, $0) }),
            Route("POST", "/v1/webhooks/{}/resume", scope: .webhooks, handler: counted { try await set(.active, $0) }),
        ]
    }

    /// - Returns: `handler`, for as many calls as a tenant may make.
    private func counted(_ handler: @escaping Route.Handler) -> Route.Handler {
        { call in
            try services.webhookChanges.admit(call)
            return try await handler(call)
        }
    }

    private func register(_ call: Call) async throws -> Answer {
        let draft = try await EndpointDraft(call, services)
        var random = SystemRandomNumberGenerator()
        let id = WebhookEndpoint.makeID(using: &random)
        let (tenant, limit) = (try call.tenant(), services.configuration.webhookEndpoints)
        let (endpoint, secret) = try await sealing(id) { issued in
            let endpoint = try draft.endpoint(id, of: tenant, sealed: issued.sealed)
            let isAdded = try await services.store.addEndpoint(
                endpoint, sealedUnder: issued.keyringRevision, limit: limit)
            guard isAdded else { throw WebhookEndpoint.limitReached(limit, of: tenant) }
            return endpoint
        }
        let headers: HTTPFields = [.location: "/v1/webhooks/\(id)"]
        return .json(text(endpoint, secret: secret), status: 201, headers: headers)
    }

    private func list(_ call: Call) async throws -> Answer {
        let (tenant, after) = (try call.listedTenant(), call.query["after"])
        let limit = try call.query.limit(in: 1...WebhookEndpoint.most) ?? WebhookEndpoint.most
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.endpoints(of: tenant, after: after, limit: limit)
        }
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(found.map { text($0) }))
        json.set("has_more", found.count == limit)
        json.set("first_id", found.first?.id)
        json.set("last_id", found.last?.id)
        return .json(json.closed())
    }

    private func show(_ call: Call) async throws -> Answer {
        let (id, tenant) = (call.parameters[0], try call.visibleTenant())
        return .json(
            text(
                try await found { store throws(JobStoreError) in try await store.endpoint(id, of: tenant) }))
    }

    private func change(_ call: Call) async throws -> Answer {
        let draft = try await EndpointDraft(call, services, alsoAllowing: ["status"])
        return .json(text(try await apply(try draft.change(), call)))
    }

    private func set(_ status: EndpointStatus, _ call: Call) async throws -> Answer {
        var change = EndpointChange()
        change.status = status
        return .json(text(try await apply(change, call)))
    }

    /// A new secret; what the old one signs goes on being sent beside it until `overlap` is over.
    private func rotate(_ call: Call) async throws -> Answer {
        let overlap = try await overlap(call)
        let (id, tenant, now) = (call.parameters[0], try call.visibleTenant(), services.wall.now())
        let (endpoint, secret) = try await sealing(id) { issued in
            let rotation = SecretRotation(
                sealed: issued.sealed, sealedUnder: issued.keyringRevision,
                previousExpiresAt: now.advanced(by: overlap))
            return try await services.store.changeEndpoint(id, of: tenant, EndpointChange(rotation: rotation), at: now)
        }
        guard let endpoint else { throw Self.unknown }
        return .json(text(endpoint, secret: secret))
    }

    /// Makes a secret for the endpoint `id` and lets `work` store it: again if the keys change in between.
    private func sealing<Value: Sendable>(
        _ id: String, _ work: (IssuedWebhookSecret) async throws -> Value
    ) async throws -> (Value, Secret) {
        var sealings = 0
        while true {
            let issued = try services.webhookSecrets.issue(endpoint: id)
            do {
                return (try await work(issued), issued.secret)
            } catch JobStoreError.keyringChanged where sealings < Self.sealings {
                sealings += 1
                try await services.webhookSecrets.renewKeys()
            } catch let error as JobStoreError {
                throw RelayError(error)
            }
        }
    }

    /// - Returns: `overlap_seconds` of the body, if there is one, or else what the configuration says.
    private func overlap(_ call: Call) async throws -> Duration {
        let bytes = try await call.body.collect(limit: EndpointDraft.bodyLimit)
        guard !bytes.isEmpty else { return services.configuration.limits.rotationOverlap }
        let fields = try JSONFields(bytes)
        try fields.allowOnly(["overlap_seconds"])
        let most = 30 * 86_400
        let seconds = try fields.optional("overlap_seconds", "a number of seconds from 0 to \(most)") { member in
            fields.integer(member).flatMap { (0...most).contains($0) ? $0 : nil }
        }
        return seconds.map { .seconds($0) } ?? services.configuration.limits.rotationOverlap
    }

    /// Sends an event to this endpoint alone, whatever it listens to.
    private func test(_ call: Call) async throws -> Answer {
        let (id, tenant, now) = (call.parameters[0], try call.visibleTenant(), services.wall.now())
        let delivery = try await found { store throws(JobStoreError) in
            try await store.postTest(WebhookEndpoint.testData(of: id), to: id, of: tenant, at: now)
        }
        var json = JSONObject()
        json.set("type", "webhook_test")
        json.set("delivery", delivery)
        return .json(json.closed(), status: 202, headers: [.location: "/v1/deliveries/\(delivery)"])
    }

    private func remove(_ call: Call) async throws -> Answer {
        let (id, tenant) = (call.parameters[0], try call.visibleTenant())
        _ = try await found { store throws(JobStoreError) in
            try await store.removeEndpoint(id, of: tenant) ? id : nil
        }
        var json = JSONObject()
        json.set("id", id)
        json.set("type", "webhook_deleted")
        return .json(json.closed())
    }

    private func apply(_ change: EndpointChange, _ call: Call) async throws -> WebhookEndpoint {
        let (id, tenant, now) = (call.parameters[0], try call.visibleTenant(), services.wall.now())
        return try await found { store throws(JobStoreError) in
            try await store.changeEndpoint(id, of: tenant, change, at: now)
        }
    }

    /// - Throws: `webhook_unknown` for nil, also for endpoints of others.
    private func found<Value: Sendable>(
        _ work: (any JobStore) async throws(JobStoreError) -> Value?
    ) async throws(RelayError) -> Value {
        guard let value = try await services.store.reading(work) else { throw Self.unknown }
        return value
    }

    static let unknown = RelayError(
        .webhookUnknown, "There is no such webhook endpoint.", remedy: "List yours with GET /v1/webhooks.")

    private func text(_ endpoint: WebhookEndpoint, secret: Secret? = nil) -> [UInt8] {
        let keys = try? services.webhookSecrets.open(endpoint.secret.sealed, endpoint: endpoint.id)
        return WebhookText.endpoint(
            endpoint, secret: secret, publicKey: keys?.publicKey, at: services.wall.now())
    }
}
