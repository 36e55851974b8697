import Domain
import Queue
import ServiceLifecycle

/// A webhook endpoint that exists while somebody listens: registered once the receiver has its port, removed at the end.
struct ListeningEndpoint: Service {
    let store: SQLiteJobStore
    /// Of the keyring that sealed its secret.
    let revision: Int
    /// Endpoints that the tenant may have.
    let limit: Int
    /// The receiver's port, once.
    let ports: AsyncStream<Int>
    let makeEndpoint: @Sendable (_ port: Int) -> WebhookEndpoint
    let onRegistered: @Sendable (WebhookEndpoint) -> Void

    func run() async throws {
        var endpoint: WebhookEndpoint?
        for await port in ports.cancelOnGracefulShutdown() where endpoint == nil {
            let new = makeEndpoint(port)
            try await WebhooksCommand.add(new, sealedUnder: revision, to: store, limit: limit)
            onRegistered(new)
            endpoint = new
        }
        guard let endpoint else { return }
        _ = try await store.removeEndpoint(endpoint.id, of: endpoint.tenant)
        StandardError.line("'\(endpoint.id)' is removed.")
    }
}
