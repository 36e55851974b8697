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
    ///   - tokens: asked who sends a request; `tokenDesk` makes and revokes credentials for operators.
    ///   - keyring: asked by `/readyz` whether any key is usable.
    ///   - tenants: is kept in step with the store by the caller.
    ///   - ledger: counts tenants' requests and calls under way.
    ///   - holder: this process, in the ledger and the store.
    ///   - wall: for what is stored.
    ///   - clock: for waiting and measuring.
    ///   - metricsText: what `/metrics` answers, in Prometheus' text format.
    ///   - keyringTrouble: why this process cannot open the store's present keyring; nil if it can.
    ///   - onListening: called once with the port that was bound.
    ///   - onAdminListening: the same for the operators' own listener, if there is one.
    package init(
        configuration: APIConfiguration, store: any RelayStore, gateway: any UpstreamGateway,
        keyring: any UpstreamKeyring, tokens: any TokenVerifier, tokenDesk: any TokenDesk,
        webhookSecrets: any WebhookSecrets, tenants: TenantDirectory, ledger: any PacingLedger, prices: PriceBook,
        holder: String, wall: any WallClock, clock: any Clock<Duration>, metricsText: @escaping @Sendable () -> String,
        keyringTrouble: @escaping @Sendable () -> RelayError? = { nil }, logger: Logger,
        onListening: @escaping @Sendable (Int) -> Void = { _ in },
        onAdminListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        services = APIServices(
            live: LiveConfiguration(configuration), store: store, egress: store, audit: store, gateway: gateway,
            keyring: keyring,
            tokens: tokens, failures: FailedAttempts(limit: configuration.failedAttempts, clock: clock),
            tokenStore: store, tokenDesk: tokenDesk, webhookSecrets: webhookSecrets,
            webhookChanges: WebhookChanges(limit: configuration.webhookChanges, clock: clock),
            tenants: TenantGate(
                directory: tenants, store: store, ledger: ledger, prices: prices, wall: wall, holder: holder),
            wall: wall, clock: clock, metricsText: metricsText, keyringTrouble: keyringTrouble, logger: logger,
            sharedCalls: configuration.sharesRetries
                ? SharedCalls(grace: configuration.retryGrace, clock: clock) : nil)
        self.onListening = onListening
        self.onAdminListening = onAdminListening
    }

    /// Takes over other limits for the requests that come from now on.
    package func adopt(_ limits: RequestLimits) {
        services.live.adopt(limits)
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
        let routes = allRoutes() + DescriptionRoutes(allRoutes()).all
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
