import API
import Domain
import FoundationEssentials
import Glibc
import Logging
import Metrics
import Queue
import ServiceLifecycle
import Telemetry
import UnixSignals
import Upstream
import Vault
import Webhook
import Worker

/// One process of a relay: opens the data folder, wires the modules together and runs them until it is told to stop.
struct RelayProcess {
    /// What this process does.
    struct Duties: OptionSet {
        let rawValue: Int
        static let api = Duties(rawValue: 1)
        static let work = Duties(rawValue: 2)
        static let all: Duties = [.api, .work]
    }

    let settings: Settings
    let duties: Duties
    /// Reads the configuration anew.
    let reread: @Sendable () throws -> Settings
    /// What this process calls itself in the ledger and in the store.
    private let holder = ProcessName.unique

    init(settings: Settings, duties: Duties, reread: @escaping @Sendable () throws -> Settings) {
        self.settings = settings
        self.duties = duties
        self.reread = reread
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)  // a log's reader or a connection that is gone must not end the process
        let address = try ListenAddress(settings.listen)
        let policy = try WebhookRules(settings)
        let logger = try self.logger()
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)

        let folder = try DataFolder(preparing: settings.data)
        let store = try folder.openStore(settings, logger: logger)
        let keyring = try await openKeyring(of: store, in: folder, logger: logger)
        let keys = KeyDirectory(
            store: store, keyring: keyring, environmentKey: EnvironmentKey.secret, logger: logger)
        try await keys.refresh()
        let transport = try CurlTransport(upstreamOf: settings, observer: ExchangeMetrics())
        // Their receivers are anybody's: a name that does not resolve holds up the thread that asks for it.
        let deliveryTransport = try CurlTransport()
        defer {
            transport.shutdown()
            deliveryTransport.shutdown()
        }
        let (ledger, prices) = (try folder.openLedger(), PriceBook(try settings.prices()))
        let gateway = self.gateway(transport: transport, ledger: ledger, keys: keys, logger: logger)
        let node = RelayNode(
            settings: settings, store: store, gateway: gateway, ledger: ledger, prices: prices,
            deliveryTransport: deliveryTransport,
            secrets: WebhookSecretVault(keyring: keyring.shared) { try await keyring.follow() },
            rules: policy, holder: holder, logger: logger)

        let tls = duties.contains(.api) ? try settings.tlsCredentials() : nil
        var services: [any Service] = [keys, PayloadKeyUpkeep(store: store, logger: logger)]
        services += await upkeep(of: gateway, store: store, tls: tls, logger: logger)
        var (keepers, api): (Gatekeeping?, APIServer?) = (nil, nil)
        if duties.contains(.work) { services += node.workers() }
        if duties.contains(.api) {
            let tenants = TenantDirectory(store: store)
            try await tenants.synchronize()
            services.append(TenantUpkeep(directory: tenants, holder: holder, logger: logger))
            let gate = try await Gatekeeping(settings, master: keyring.shared.root, store: store, logger: logger)
            services += gate.services
            let greeting = Greeting(settings: settings, hasKey: !keys.keys().isEmpty)
            let server = try node.server(
                at: address, tls: tls, keys: keys, gate: gate, tenants: tenants, metrics: metrics, greeting: greeting,
                keyringTrouble: { keyring.trouble })
            services.append(server)
            (keepers, api) = (gate, server)
        } else {
            StandardOutput.line("relay worker draining \(settings.data)")
        }
        services.append(
            ConfigurationReload(
                started: settings, gateway: gateway, prices: prices, tls: tls, gate: keepers, server: api,
                reread: reread, logger: logger))
        try await runUntilSignalled(services, logger: logger)
    }

    /// The keyring, which follows rotations; payloads are sealed and opened by it.
    private func openKeyring(
        of store: SQLiteJobStore, in folder: DataFolder, logger: Logger
    ) async throws -> KeyringFollower {
        let keeper = try await folder.openKeyring(of: store, settings)
        if settings.encryptPayloads, keeper.isFirstMaster {
            logger.warning(
                "payloads are sealed under the store's first master key, which cannot be destroyed: rotate before backups"
            )
        }
        let keyring = KeyringFollower(keeper)
        store.keepPayloads(with: settings.payloadKeeping(following: keyring))
        return keyring
    }

    private func logger() throws -> Logger {
        let logger = try LogLevel.logger(settings.logLevel)
        if UpstreamAddress.isCleartext(settings.upstream) {
            logger.warning("the upstream is called without encryption: keys can be read on the way")
        }
        return logger
    }

    private func gateway(
        transport: CurlTransport, ledger: SQLitePacingLedger, keys: KeyDirectory, logger: Logger
    ) -> Gateway<ContinuousClock> {
        let timeouts = Timeouts(
            connect: settings.connectTimeout, firstByte: settings.firstByteTimeout, idle: settings.idleTimeout,
            total: settings.totalTimeout, unacknowledged: settings.unacknowledgedTimeout)
        return Gateway(
            configuration: GatewayConfiguration(
                upstream: settings.upstream, timeouts: timeouts,
                egress: settings.paths, regions: settings.egressRegions, pacing: settings.pacing,
                holder: holder),
            transport: transport, ledger: ledger, keyring: keys, clock: ContinuousClock(), wall: SystemClock(),
            onNotice: { GatewayNotices(logger: logger).take($0) })
    }

    /// What keeps the Gateway in step: with other processes, with operators, with its paths.
    private func upkeep(
        of gateway: Gateway<ContinuousClock>, store: SQLiteJobStore, tls: TLSCredentials?, logger: Logger
    ) async -> [any Service] {
        let directory = EgressDirectory(store: store, gateway: gateway, logger: logger)
        await directory.refresh()
        let prober = EgressProber(
            gateway: gateway, interval: settings.probeInterval, timeout: settings.probeTimeout,
            keepWarm: settings.keepWarm)
        let isProbing = settings.probeInterval > .zero || settings.keepWarm > .zero
        let probing: [any Service] = isProbing ? [EgressProbing(prober: prober)] : []
        return [GatewayUpkeep(gateway: gateway), directory] + probing
            + (tls.map { [CertificateWatch(credentials: $0, logger: logger)] } ?? [])
    }

    /// Runs `services`; SIGTERM and SIGINT stop them from the last to the first, each draining before the next. What
    /// has not ended when their drain times are over is cut off.
    private func runUntilSignalled(_ services: [any Service], logger: Logger) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration =
            settings.syncDrain + settings.drain + settings.webhookTimeout + .seconds(1)
        let group = ServiceGroup(configuration: configuration)
        try await AuditActor.$current.withValue(.relay) { try await group.run() }
    }
}
