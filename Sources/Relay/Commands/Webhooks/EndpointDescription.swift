import Domain
import Queue

/// One webhook endpoint for people to read.
struct EndpointDescription {
    let endpoint: WebhookEndpoint
    let publicKey: String?

    var text: String {
        var lines = [
            "Endpoint  \(endpoint.id)", "Tenant    \(endpoint.tenant)", "URL       \(endpoint.url)",
            "Events    \(Self.events(endpoint))", "Payload   \(endpoint.payload.rawValue)",
            "Status    \(endpoint.status.rawValue)\(endpoint.statusReason.map { ": \($0)" } ?? "")",
            "Created   \(endpoint.createdAt.rfc3339)",
        ]
        if !endpoint.description.isEmpty { lines.append("About     \(endpoint.description)") }
        if let egress = endpoint.egress { lines.append("Egress    \(egress)") }
        if let since = endpoint.health.failingSince { lines.append("Failing   since \(since.rfc3339)") }
        if let until = endpoint.previous?.expiresAt { lines.append("Old key   signs too until \(until.rfc3339)") }
        if let publicKey { lines.append("Key v1a   \(publicKey)") }
        return lines.joined(separator: "\n")
    }

    /// The names of what it listens to; `all` for everything.
    static func events(_ endpoint: WebhookEndpoint) -> String {
        guard endpoint.events != Set(WebhookEvent.subscribable) else { return "all" }
        return endpoint.events.isEmpty ? "none" : endpoint.events.map(\.rawValue).sorted().joined(separator: ",")
    }
}
