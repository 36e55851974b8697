package import Domain

/// What to change of an endpoint; what is nil stays.
package struct EndpointChange: Hashable, Sendable {
    /// What is pending goes to the new URL, too; the endpoint's health begins anew.
    package var url: String?
    package var events: Set<WebhookEvent>?
    package var description: String?
    package var payload: PayloadStyle?
    /// `.some(nil)`: direct.
    package var egress: String??
    /// `.active`: its health begins anew.
    package var status: EndpointStatus?
    package var rotation: SecretRotation?

    package init(
        url: String? = nil, events: Set<WebhookEvent>? = nil, description: String? = nil, payload: PayloadStyle? = nil,
        egress: String?? = nil, status: EndpointStatus? = nil, rotation: SecretRotation? = nil
    ) {
        self.url = url
        self.events = events
        self.description = description
        self.payload = payload
        self.egress = egress
        self.status = status
        self.rotation = rotation
    }

    /// What the audit log calls it.
    var action: AuditAction { rotation == nil ? .webhookChanged : .webhookRotated }
    /// What is changed, for people.
    var words: String {
        let named: [String?] = [
            url.map { "url at \(DeliveryLane.origin(of: $0))" },
            events.map { "events \($0.map(\.rawValue).sorted().joined(separator: ","))" },
            description.map { _ in "description" }, payload.map { "payload \($0.rawValue)" },
            egress.map { "egress \($0 ?? "direct")" }, status.map { "status \($0.rawValue)" },
            rotation.map { "the old secret until \($0.previousExpiresAt.rfc3339)" },
        ]
        return named.compactMap(\.self).joined(separator: ", ")
    }
    /// Whether the endpoint's health begins anew.
    var resetsHealth: Bool { url != nil || status == .active }
}

/// A new signing secret, and how long the one before it is still signed with.
package struct SecretRotation: Hashable, Sendable {
    package let sealed: [UInt8]
    /// The revision of the keyring that sealed it.
    package let keyringRevision: Int
    package let previousExpiresAt: Timestamp

    package init(sealed: [UInt8], sealedUnder keyringRevision: Int, previousExpiresAt: Timestamp) {
        self.sealed = sealed
        self.keyringRevision = keyringRevision
        self.previousExpiresAt = previousExpiresAt
    }
}

extension WebhookEndpoint {
    /// As a store shows it.
    func with(_ health: EndpointHealth) -> WebhookEndpoint {
        var endpoint = self
        endpoint.health = health
        return endpoint
    }

    func disabled(because reason: String, at now: Timestamp) -> WebhookEndpoint {
        WebhookEndpoint(
            id: id, tenant: tenant, url: url, events: events, description: description, payload: payload,
            egress: egress, secret: secret, previous: previous, status: .disabled, statusReason: reason,
            createdAt: createdAt, changedAt: now, health: health)
    }

    /// Whether `change` asks for anything but what is.
    func isChanged(by change: EndpointChange) -> Bool { changed(by: change, at: changedAt) != self }

    func changed(by change: EndpointChange, at now: Timestamp) -> WebhookEndpoint {
        let reason: String? =
            switch change.status {
            case nil: statusReason
            case .active, .paused: nil
            case .disabled: "disabled on request"
            }
        return WebhookEndpoint(
            id: id, tenant: tenant, url: change.url ?? url, events: change.events ?? events,
            description: change.description ?? description, payload: change.payload ?? payload,
            egress: change.egress ?? egress,
            secret: change.rotation.map { EndpointSecret(sealed: $0.sealed, createdAt: now) } ?? secret,
            previous: change.rotation.map { rotation in
                EndpointSecret(
                    sealed: secret.sealed, createdAt: secret.createdAt, expiresAt: rotation.previousExpiresAt)
            } ?? previous,
            status: change.status ?? status, statusReason: reason, createdAt: createdAt, changedAt: now,
            health: change.resetsHealth ? EndpointHealth() : health)
    }
}

/// An endpoint that a settlement has disabled.
package struct EndpointDisabling: Hashable, Sendable {
    package let endpoint: String
    package let tenant: TenantID
    package let url: String
    /// For people.
    package let reason: String
    /// nil if its last attempts had not failed.
    package let failingSince: Timestamp?

    package init(endpoint: String, tenant: TenantID, url: String, reason: String, failingSince: Timestamp?) {
        self.endpoint = endpoint
        self.tenant = tenant
        self.url = url
        self.reason = reason
        self.failingSince = failingSince
    }
}
