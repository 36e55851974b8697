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
    ///   - tokens: asked who sends a request; `tokenDesk` makes and revokes credentials for operators.
    ///   - keyring: asked by `/readyz` whether any key is usable.
    ///   - tenants: is kept in step with the store by the caller.
    ///   - ledger: counts tenants' requests and calls under way.
    ///   - holder: this process, in the ledger and the store.
    ///   - wall: for what is stored.
    ///   - clock: for waiting and measuring.
    ///   - metricsText: what `/metrics` answers, in Prometheus' text format.
    ///   - onListening: called once with the port that was bound.
    package init(
        configuration: APIConfiguration, store: any RelayStore, gateway: any UpstreamGateway,
        keyring: any UpstreamKeyring, tokens: any TokenVerifier, tokenDesk: any TokenDesk,
        webhookSecrets: any WebhookSecrets, tenants: TenantDirectory, ledger: any PacingLedger, prices: PriceBook,
        holder: String, wall: any WallClock, clock: any Clock<Duration>, metricsText: @escaping @Sendable () -> String,
        logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        services = APIServices(
            configuration: configuration, store: store, egress: store, audit: store, gateway: gateway, keyring: keyring,
            tokens: tokens, failures: FailedAttempts(limit: configuration.failedAttempts, clock: clock),
            tokenStore: store, tokenDesk: tokenDesk, webhookSecrets: webhookSecrets,
            tenants: TenantGate(
                directory: tenants, store: store, ledger: ledger, prices: prices, wall: wall, holder: holder),
            wall: wall, clock: clock, metricsText: metricsText, logger: logger,
            sharedCalls: configuration.sharesRetries
                ? SharedCalls(grace: configuration.retryGrace, clock: clock) : nil)
        self.onListening = onListening
    }

    package func run() async throws {
        let configuration = services.configuration
        let responder = Responder(services: services, routes: routes())
        let http = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(to: request, with: writer, from: channel.remoteAddress)
            },
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
            + WebhookRoutes(services: services).all + DeliveryRoutes(services: services).all
            + HealthRoutes(services: services).all + AdminRoutes(services: services).all
            + TokenRoutes(services: services).all + TenantRoutes(services: services).all
            + UsageRoutes(services: services).all + AuditRoutes(services: services).all
    }
}
