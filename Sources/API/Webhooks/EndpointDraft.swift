import Domain
import Queue

/// What a client says of one of its webhook endpoints: all of it when it registers one, what changes later.
struct EndpointDraft {
    static let bodyLimit = 64 * 1024
    private static let descriptionLimit = 200
    private static let shared = ["url", "events", "description", "payload", "egress"]

    private let fields: JSONFields
    private let services: APIServices

    /// - Throws: `body_not_json`, `field_invalid`.
    init(_ call: Call, _ services: APIServices, alsoAllowing more: [String] = []) async throws {
        fields = try JSONFields(try await call.body.collect(limit: Self.bodyLimit))
        try fields.allowOnly(Self.shared + more)
        self.services = services
    }

    /// A new endpoint. All events unless the body says which.
    func endpoint(_ id: String, of tenant: TenantID, sealed: [UInt8]) throws(RelayError) -> WebhookEndpoint {
        let url = try checked(try fields.require("url", "an https URL", fields.nonEmptyString))
        let now = services.wall.now()
        return WebhookEndpoint(
            id: id, tenant: tenant, url: url, events: try events() ?? Set(WebhookEvent.subscribable),
            description: try description() ?? "", payload: try payload() ?? .full, egress: try egress() ?? nil,
            secret: EndpointSecret(sealed: sealed, createdAt: now), createdAt: now)
    }

    /// What is to change; what the body does not name stays.
    func change() throws(RelayError) -> EndpointChange {
        var change = EndpointChange()
        if let url = try fields.optional("url", "an https URL", fields.nonEmptyString) { change.url = try checked(url) }
        change.events = try events()
        change.description = try description()
        change.payload = try payload()
        change.egress = try egress()
        change.status = try fields.optional("status", "active or paused") { member in
            fields.string(member).flatMap(EndpointStatus.init).flatMap { $0 == .disabled ? nil : $0 }
        }
        return change
    }

    private func checked(_ url: String) throws(RelayError) -> String {
        try services.configuration.webhookAddress.check(url)
        return url
    }

    private func events() throws(RelayError) -> Set<WebhookEvent>? {
        let known = WebhookEvent.subscribable
        let rule = "an array of " + known.map(\.rawValue).joined(separator: ", ")
        return try fields.optional("events", rule) { member -> Set<WebhookEvent>? in
            guard let elements = try? JSONScanner.elements(of: fields.document, in: member.value) else { return nil }
            let events = elements.map { range in
                JSONScanner.string(fields.document, at: range).flatMap { WebhookEvent(rawValue: $0) }
            }
            let named = Set(events.compactMap { $0 })
            return named.isEmpty || events.contains(nil) || !named.isSubset(of: known) ? nil : named
        }
    }

    private func description() throws(RelayError) -> String? {
        try fields.optional("description", "a string of at most \(Self.descriptionLimit) characters") { member in
            fields.string(member).flatMap { $0.count <= Self.descriptionLimit ? $0 : nil }
        }
    }

    private func payload() throws(RelayError) -> PayloadStyle? {
        let rule = PayloadStyle.allCases.map(\.rawValue).joined(separator: " or ")
        return try fields.optional("payload", rule) { fields.string($0).flatMap(PayloadStyle.init) }
    }

    /// nil if the body says nothing of it; a nil within for null, which is the direct way.
    private func egress() throws(RelayError) -> String?? {
        guard let member = fields.members.last(where: { $0.key == "egress" }) else { return nil }
        guard member.kind != .null else { return .some(nil) }
        let known = services.configuration.webhookEgress
        let id = try fields.require("egress", (["null"] + known).joined(separator: " or ")) { member in
            fields.string(member).flatMap { known.contains($0) ? $0 : nil }
        }
        return .some(id)
    }
}
