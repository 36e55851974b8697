package import Domain

/// A receiver that a tenant has registered. It hears of every event of the tenant that it lists, and of the jobs that
/// name it.
package struct WebhookEndpoint: Hashable, Sendable {
    /// `whe_…`
    package let id: String
    package let tenant: TenantID
    package let url: String
    package let events: Set<WebhookEvent>
    /// For people; at most 200 characters.
    package let description: String
    package let payload: PayloadStyle
    /// The id of a configured egress path; nil: direct.
    package let egress: String?
    /// What is signed with.
    package internal(set) var secret: EndpointSecret
    /// The one before it, still signed with until its ``EndpointSecret/expiresAt``.
    package internal(set) var previous: EndpointSecret?
    package let status: EndpointStatus
    /// Why it is disabled, for people.
    package let statusReason: String?
    package let createdAt: Timestamp
    package let changedAt: Timestamp
    /// What its last attempts say of it. The store keeps it; it cannot be set.
    package internal(set) var health: EndpointHealth

    package init(
        id: String, tenant: TenantID, url: String, events: Set<WebhookEvent>, description: String = "",
        payload: PayloadStyle = .full, egress: String? = nil, secret: EndpointSecret, previous: EndpointSecret? = nil,
        status: EndpointStatus = .active, statusReason: String? = nil, createdAt: Timestamp,
        changedAt: Timestamp? = nil, health: EndpointHealth = EndpointHealth()
    ) {
        self.id = id
        self.tenant = tenant
        self.url = url
        self.events = events
        self.description = description
        self.payload = payload
        self.egress = egress
        self.secret = secret
        self.previous = previous
        self.status = status
        self.statusReason = statusReason
        self.createdAt = createdAt
        self.changedAt = changedAt ?? createdAt
        self.health = health
    }
}

extension WebhookEndpoint {
    /// Of one tenant, however the relay is configured: each is looked at when a job ends.
    package static let most = 1000

    /// What an addition is refused with.
    package static func limitReached(_ limit: Int, of tenant: TenantID) -> RelayError {
        RelayError(
            .webhookLimitReached, "Tenant '\(tenant)' has \(limit) webhook endpoints; no more are allowed.",
            remedy: "Remove one, or ask the operator for more (webhooks.endpoints_per_tenant).")
    }

    /// What sending all anew that it has missed is refused with while it is disabled.
    package var notSendable: RelayError {
        RelayError(
            .deliveryNotSendable, "Endpoint '\(id)' is disabled: nothing is sent to it.",
            remedy: "Make it active again (POST /v1/webhooks/{id}/resume), then send anew what it has missed.")
    }

    /// A new id: `whe_` and 128 random bits in hexadecimal.
    package static func makeID(using random: inout some RandomNumberGenerator) -> String {
        WebhookTarget.endpointPrefix + RandomName.make(using: &random)
    }
}

/// A signing secret, sealed by the Vault.
package struct EndpointSecret: Hashable, Sendable {
    package let sealed: [UInt8]
    package let createdAt: Timestamp
    /// nil for the current one.
    package let expiresAt: Timestamp?

    package init(sealed: [UInt8], createdAt: Timestamp, expiresAt: Timestamp? = nil) {
        self.sealed = sealed
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    /// The same secret under another wrapping key.
    func resealed(_ sealed: [UInt8]) -> EndpointSecret {
        EndpointSecret(sealed: sealed, createdAt: createdAt, expiresAt: expiresAt)
    }
}

/// How much of a result an endpoint is sent.
package enum PayloadStyle: String, Hashable, Sendable, CaseIterable {
    /// The result, if it is not too large; else a link to it.
    case full
    /// Always a link.
    case thin
}

/// Whether an endpoint is sent anything. The raw value is what operators read.
package enum EndpointStatus: String, Hashable, Sendable, CaseIterable {
    case active
    /// Its events are kept until it is active again.
    case paused
    /// It is sent nothing; its events fail, and can be sent anew once it is active again.
    case disabled
}
