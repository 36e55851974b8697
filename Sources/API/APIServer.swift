package import Domain
package import Logging
package import Queue
import ServiceLifecycle
package import Upstream

/// The relay's HTTP server: intake, results, webhooks, the synchronous path, health.
///
/// On graceful shutdown `/readyz` turns to 503, the listener closes, and requests in flight end as they would have.
package struct APIServer: Service {
    let services: APIServices
    private let onListening: @Sendable (Int) -> Void
    private let onAdminListening: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - keyring: asked by `/readyz` whether any key is usable.
    ///   - wall: for what is stored.
    ///   - clock: for waiting and measuring.
    ///   - metricsText: what `/metrics` answers, in Prometheus' text format.
    ///   - onListening: called once with the port that was bound.
    ///   - onAdminListening: the same for the operators' own listener, if there is one.
    package init(
        configuration: APIConfiguration, store: any JobStore & EgressStore, gateway: any UpstreamGateway,
        keyring: any UpstreamKeyring, tokens: any TokenVerifier, webhookSecrets: any WebhookSecrets,
        wall: any WallClock, clock: any Clock<Duration>, metricsText: @escaping @Sendable () -> String,
        logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in },
        onAdminListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        services = APIServices(
            configuration: configuration, store: store, egress: store, gateway: gateway, keyring: keyring,
            tokens: tokens,
            webhookSecrets: webhookSecrets, wall: wall, clock: clock, metricsText: metricsText, logger: logger,
            sharedCalls: configuration.sharesRetries
                ? SharedCalls(grace: configuration.retryGrace, clock: clock) : nil)
        self.onListening = onListening
        self.onAdminListening = onAdminListening
    }

    package func run() async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for listener in listeners { group.addTask { try await listener.run() } }
                try await group.waitForAll()
            }
        } onGracefulShutdown: {
            services.readiness.drain()
        }
    }

    private var listeners: [Listener] {
        let configuration = services.configuration
        let forward = configuration.forwardsOtherPaths ? MessagesRoutes(services: services).other : nil
        guard let admin = configuration.adminListener else {
            return [
                Listener(
                    services: services, name: "public", host: configuration.host, port: configuration.port,
                    routes: RouteTable(routes, others: OtherPaths(forward: forward)), onListening: onListening)
            ]
        }
        return [
            Listener(
                services: services, name: "public", host: configuration.host, port: configuration.port,
                routes: RouteTable(routes.filter { !$0.isForOperators }, others: OtherPaths(forward: forward)),
                onListening: onListening),
            Listener(
                services: services, name: "admin", host: admin.host, port: admin.port,
                routes: RouteTable(
                    routes.filter { $0.isForOperators || $0.isHealth }, others: OtherPaths(forward: nil)),
                onListening: onAdminListening),
        ]
    }

    private var routes: [Route] {
        MessagesRoutes(services: services).all + JobRoutes(services: services).all
            + SubmissionRoute(services: services).all + BatchRoutes(services: services).all
            + WebhookRoutes(services: services).all + HealthRoutes(services: services).all
            + AdminRoutes(services: services).all
    }
}
