package import Domain
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
package import Queue
import ServiceLifecycle
package import Upstream

/// The relay's HTTP server: intake, results, webhooks, the synchronous path, health.
///
/// On graceful shutdown `/readyz` turns to 503, the listener closes, and requests in flight end as they would have.
package struct APIServer: Service {
    let services: APIServices
    private let onListening: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - keyring: asked by `/readyz` whether any key is usable.
    ///   - wall: for what is stored.
    ///   - clock: for waiting and measuring.
    ///   - metricsText: what `/metrics` answers, in Prometheus' text format.
    ///   - onListening: called once with the port that was bound.
    package init(
        configuration: APIConfiguration, store: any JobStore & EgressStore & AuditStore,
        gateway: any UpstreamGateway,
        keyring: any UpstreamKeyring, tokens: any TokenVerifier, webhookSecrets: any WebhookSecrets,
        wall: any WallClock, clock: any Clock<Duration>, metricsText: @escaping @Sendable () -> String,
        logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        services = APIServices(
            configuration: configuration, store: store, egress: store, audit: store, gateway: gateway, keyring: keyring,
            tokens: tokens,
            webhookSecrets: webhookSecrets, wall: wall, clock: clock, metricsText: metricsText, logger: logger,
            sharedCalls: configuration.sharesRetries
                ? SharedCalls(grace: configuration.retryGrace, clock: clock) : nil)
        self.onListening = onListening
    }

    package func run() async throws {
        let configuration = services.configuration
        let responder = Responder(services: services, routes: routes())
        let http = HTTP1Channel(
            responder: { request, writer, _ in try await responder.respond(to: request, with: writer) },
            configuration: .init(idleTimeout: .milliseconds(configuration.idleTimeout.microseconds / 1000)))
        let server = WatchedHTTP1(http: http, writeTimeout: configuration.writeTimeout).server(
            configuration: .init(address: .hostname(configuration.host, port: configuration.port), backlog: 4096),
            onServerRunning: { onListening($0.localAddress?.port ?? configuration.port) },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: services.logger)
        try await withGracefulShutdownHandler {
            try await server.run()
        } onGracefulShutdown: {
            services.readiness.drain()
        }
    }

    private func routes() -> RouteTable {
        let routes = allRoutes()
        return RouteTable(
            routes + DescriptionRoutes(routes).all,
            others: OtherPaths(
                forward: services.configuration.forwardsOtherPaths ? MessagesRoutes(services: services).other : nil))
    }

    /// All but the one that describes them.
    func allRoutes() -> [Route] {
        MessagesRoutes(services: services).all + JobRoutes(services: services).all
            + SubmissionRoute(services: services).all + BatchRoutes(services: services).all
            + WebhookRoutes(services: services).all + HealthRoutes(services: services).all
            + AdminRoutes(services: services).all + AuditRoutes(services: services).all
    }
}
