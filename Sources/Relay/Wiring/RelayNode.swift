import API
import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry
import Upstream
import Vault
import Webhook
import Worker

/// Makes a process's services from what it has opened.
struct RelayNode {
    let settings: Settings
    let store: SQLiteJobStore
    let gateway: any UpstreamGateway
    let ledger: any PacingLedger
    let prices: PriceBook
    let deliveryTransport: CurlTransport
    let secrets: WebhookSecretVault
    let rules: WebhookRules
    /// This process, in the ledger and the store.
    let holder: String
    let logger: Logger

    /// The services that drain the queue and the outbox, in the order in which a shutdown must end them: last first.
    func workers() -> [any Service] {
        var worker = WorkerConfiguration(name: ProcessName.unique)
        worker.concurrency = settings.concurrency
        worker.lease = settings.lease
        worker.drain = settings.drain
        worker.bytesInFlight = settings.bytesInFlight
        worker.retentionAge = settings.retentionAge > .zero ? settings.retentionAge : nil
        if settings.retentionAge > .zero {
            worker.sweepInterval = max(.seconds(1), min(worker.sweepInterval, settings.retentionAge / 10))
        }
        worker.retentionBytes = settings.retentionSize > 0 ? settings.retentionSize : nil
        worker.retry = RetryPolicy(
            maxAttempts: settings.retryAttempts, maxElapsed: settings.retryElapsed,
            backoff: Backoff(base: settings.retryBase, cap: settings.retryCap))
        let services = WorkerServices(
            configuration: worker, store: store, gateway: gateway, prices: prices, clock: ContinuousClock(),
            wall: SystemClock(), logger: logger)
        return [deliveries()] + WorkerPool.services(services)
    }

    private func deliveries() -> DeliveryLoop {
        var webhook = WebhookConfiguration()
        webhook.addresses = rules.addresses
        webhook.allowsHTTP = settings.webhookAllowHTTP
        webhook.egress = rules.egress
        webhook.schedule = rules.schedule
        webhook.rules.silence = max(webhook.rules.silence, (rules.schedule.delays.max() ?? .zero) * 2)
        webhook.rules.disableAfter = settings.webhookDisableAfter
        webhook.endpointConcurrency = settings.webhookEndpointConcurrency
        webhook.timeout = settings.webhookTimeout
        webhook.inlineLimit = settings.webhookInlineLimit
        webhook.publicURL = settings.publicURL
        webhook.concurrency = settings.webhookConcurrency
        return DeliveryLoop(
            configuration: webhook, store: store, transport: deliveryTransport, secrets: secrets, wall: SystemClock(),
            logger: logger)
    }

    func server(
        at address: ListenAddress, tls: TLSCredentials?, keys: KeyDirectory, gate: Gatekeeping,
        tenants: TenantDirectory, metrics: PrometheusRegistry, greeting: Greeting,
        keyringTrouble: @escaping @Sendable () -> RelayError?
    ) throws -> APIServer {
        var api = APIConfiguration()
        api.host = address.host
        api.port = address.port
        api.adminListener = try settings.adminAddress().map { ($0.host, $0.port) }
        api.tls = tls
        api.connections = settings.connections
        api.connectionsPerAddress = settings.connectionsPerAddress
        api.headLimit = settings.headerBytes
        api.headerCount = settings.headerCount
        api.targetLimit = settings.targetBytes
        api.headTimeout = settings.headerTimeout
        api.bodyTimeout = settings.bodyIdleTimeout
        api.bodyRate = settings.bodyRate
        api.answerRate = settings.answerRate
        api.idleTimeout = settings.serverIdleTimeout
        api.limits = settings.requestLimits
        api.forwardsOtherPaths = settings.forwardOtherPaths
        api.writeTimeout = settings.syncWriteTimeout
        api.sharesRetries = settings.shareRetries
        api.retryGrace = settings.retryGrace
        api.failedAttempts = settings.failedAttempts
        api.webhookAddress = rules.urls
        api.webhookEndpoints = settings.webhookEndpoints
        api.webhookChanges = settings.webhookChanges
        api.webhookEgress = rules.egress.map(\.id)
        return APIServer(
            configuration: api, store: store, gateway: gateway, keyring: keys, tokens: gate.authority,
            tokenDesk: gate.directory, webhookSecrets: secrets, tenants: tenants, ledger: ledger, prices: prices,
            holder: holder, wall: SystemClock(), clock: ContinuousClock(),
            metricsText: { metrics.renderText() }, keyringTrouble: keyringTrouble, logger: logger,
            onListening: greeting.show,
            onAdminListening: greeting.showAdmin)
    }
}
