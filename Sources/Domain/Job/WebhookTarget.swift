/// Where one job's outcome is delivered.
package enum WebhookTarget: Hashable, Sendable {
    /// A registered endpoint, by its id (`whe_…`).
    case endpoint(String)
    /// A URL named by the job itself, signed with the tenant's own webhook secret.
    case url(String)

    /// The stored form: the id or the URL. An id cannot look like a URL.
    package var text: String {
        switch self {
        case .endpoint(let id): id
        case .url(let url): url
        }
    }

    package init(text: String) {
        self = text.hasPrefix(Self.endpointPrefix) ? .endpoint(text) : .url(text)
    }

    package static let endpointPrefix = "whe_"
}
