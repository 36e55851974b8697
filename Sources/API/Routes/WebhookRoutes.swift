import Domain
import Queue

/// The receivers that a tenant registers.
struct WebhookRoutes: Sendable {
    private static let bodyLimit = 64 * 1024
    let services: APIServices

    var all: [Route] {
        [
            Route("POST", "/v1/webhooks", scope: .webhooks, handler: register),
            Route("GET", "/v1/webhooks", scope: .webhooks, handler: list),
            Route("DELETE", "/v1/webhooks/{}", scope: .webhooks, handler: remove),
        ]
    }

    private func register(_ call: Call) async throws -> Answer {
        let fields = try JSONFields(try await call.body.collect(limit: Self.bodyLimit))
        try fields.allowOnly(["url", "events"])
        let url = try fields.require("url", "an https URL", fields.nonEmptyString)
        try WebhookAddress(allowsHTTP: services.configuration.allowsHTTPWebhooks).check(url)
        var random = SystemRandomNumberGenerator()
        let id = WebhookTarget.endpointPrefix + RandomName.make(using: &random)
        let (secret, sealed) = try services.webhookSecrets.issue(endpoint: id)
        let endpoint = WebhookEndpoint(
            id: id, tenant: try call.tenant(), url: url, events: try events(fields), sealedSecret: sealed,
            createdAt: services.wall.now())
        try await services.store.reading { store throws(JobStoreError) in try await store.addEndpoint(endpoint) }
        return .json(text(endpoint, secret: secret), status: 201)
    }

    /// All of them unless the body says which.
    private func events(_ fields: JSONFields) throws(RelayError) -> Set<WebhookEvent> {
        let rule = "an array of " + WebhookEvent.allCases.map(\.rawValue).joined(separator: ", ")
        let listed = try fields.optional("events", rule) { member -> Set<WebhookEvent>? in
            guard let elements = try? JSONScanner.elements(of: fields.document, in: member.value) else { return nil }
            let events = elements.map { range in
                JSONScanner.string(fields.document, at: range).flatMap { WebhookEvent(rawValue: $0) }
            }
            return events.isEmpty || events.contains(nil) ? nil : Set(events.compactMap { $0 })
        }
        return listed ?? Set(WebhookEvent.allCases)
    }

    private func list(_ call: Call) async throws -> Answer {
        let tenant = try call.tenant()
        let endpoints = try await services.store.reading { store throws(JobStoreError) in
            try await store.endpoints(of: tenant)
        }
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(endpoints.map { text($0, secret: nil) }))
        return .json(json.closed())
    }

    private func remove(_ call: Call) async throws -> Answer {
        let tenant = try call.tenant()
        let id = call.parameters.first ?? ""
        let existed = try await services.store.reading { store throws(JobStoreError) in
            try await store.removeEndpoint(id, of: tenant)
        }
        guard existed else {
            throw RelayError(
                .webhookUnknown, "There is no such webhook endpoint.", remedy: "List yours with GET /v1/webhooks.")
        }
        var json = JSONObject()
        json.set("id", id)
        json.set("type", "webhook_deleted")
        return .json(json.closed())
    }

    /// - Parameter secret: shown once, in the answer to the registration.
    private func text(_ endpoint: WebhookEndpoint, secret: Secret?) -> [UInt8] {
        var json = JSONObject()
        json.set("id", endpoint.id)
        json.set("type", "webhook")
        if let secret { json.set("secret", secret.reveal()) }
        json.set("url", endpoint.url)
        json.set("events", endpoint.events.map(\.rawValue).sorted())
        json.set("created_at", endpoint.createdAt)
        return json.closed()
    }
}
