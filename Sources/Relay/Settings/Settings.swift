import Domain

/// Everything that an operator can set. `docs/configuration.md` describes each; ``Setting/all`` names and checks them.
struct Settings: Sendable {
    var data = "./relay-data"
    var listen = "127.0.0.1:8787"
    var upstream = "https://api.anthropic.com"
    var publicURL = ""
    var logLevel = "info"

    /// Empty: operators' routes are served with all others.
    var adminListen = ""
    /// Both empty: plain HTTP.
    var tlsCertificate = ""
    var tlsKey = ""
    var connections = 20_000
    /// Zero: no limit.
    var connectionsPerAddress = 1000
    var headerTimeout = Duration.seconds(30)
    var bodyIdleTimeout = Duration.seconds(60)
    /// Bytes/s; zero: any rate.
    var bodyRate = 1024
    var answerRate = 1024
    var serverIdleTimeout = Duration.seconds(300)
    var headerBytes = 64 * 1024
    var headerCount = 128
    var targetBytes = 8 * 1024

    var bodyLimit = 32 * 1024 * 1024
    var batchBodyLimit = 256 * 1024 * 1024
    var bodyMemory = 1024 * 1024 * 1024
    var batchLifetime = Duration.seconds(86_400)
    var bulkLines = 1_000_000
    var queueDepth = 10_000_000
    var longestWait = Duration.seconds(60)

    var concurrency = 256
    var lease = Duration.seconds(30)
    var drain = Duration.seconds(30)
    var bytesInFlight = 256 * 1024 * 1024

    /// Zero: ended jobs are kept for ever.
    var retentionAge = Duration.seconds(30 * 86_400)
    /// Zero: no limit.
    var retentionSize = 0

    var retryAttempts = 20
    var retryElapsed = Duration.seconds(86_400)
    var retryBase = Duration.seconds(1)
    var retryCap = Duration.seconds(60)

    var syncPatience = Duration.seconds(30)
    var syncAttempts = 3
    var syncDrain = Duration.seconds(600)
    var forwardOtherPaths = false
    var syncWriteTimeout = Duration.seconds(300)
    var shareRetries = true
    var retryGrace = Duration.seconds(2)

    var tokenIssuers: [IssuerSettings] = []
    /// How old a fetched JWK set may become.
    var tokenKeyLifetime = Duration.seconds(600)
    /// Empty: the system's authorities.
    var tokenAuthorityFile = ""
    var failedAttempts = 20

    var webhookAllowHTTP = false
    var webhookAllowNetworks: [String] = []
    var webhookTimeout = Duration.seconds(15)
    var webhookInlineLimit = 256 * 1024
    var webhookAllowPorts: [String] = []
    var webhookConcurrency = 512
    var webhookEndpointConcurrency = 8
    var webhookEndpoints = 100
    /// A minute; zero: any number.
    var webhookChanges = 60
    /// After each failed attempt; the first one is made at once.
    var webhookSchedule = ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]
    var webhookDisableAfter = Duration.seconds(5 * 86_400)
    var webhookRotationOverlap = Duration.seconds(86_400)

    /// Empty: the file master.key in the data folder.
    var masterKey = ""
    /// Empty: the region's own.
    var kmsEndpoint = ""
    /// Whether what tenants send and get is written sealed; what stands there already stays as it is.
    var encryptPayloads = false

    /// Empty: the system's authorities.
    var authorityFile = ""
    /// The same for proxies.
    var proxyAuthorityFile = ""
    var connectTimeout = Duration.seconds(10)
    var firstByteTimeout = Duration.seconds(900)
    var idleTimeout = Duration.seconds(900)
    var totalTimeout = Duration.seconds(3600)
    var unacknowledgedTimeout = Duration.seconds(45)

    /// In percent.
    var interactiveShare = 10
    var tokenBurst = Duration.seconds(10)
    /// Zero: no ramp but those that the provider asks for.
    var rampUp = Duration.zero
    var pacingLimits: [PacingRules.Subject: PacingLimits] = [:]

    /// Empty: the list that the relay ships.
    var priceFile = ""

    /// The limits and the way of pacing, as the Gateway takes them.
    var pacing: PacingRules {
        var style = PacingStyle()
        style.interactiveShare = Double(interactiveShare) / 100
        style.tokenBurst = tokenBurst
        style.rampUp = rampUp
        return PacingRules(limits: pacingLimits, style: style)
    }

    /// Ways out; empty for the direct one alone.
    var egress: [EgressPath] = []
    var egressRegions: [String] = []
    /// Zero: never.
    var probeInterval = Duration.seconds(3600)
    /// Zero: never.
    var keepWarm = Duration.seconds(240)
    var probeTimeout = Duration.seconds(10)

    /// The ways out as they are used.
    var paths: [EgressPath] { egress.isEmpty ? [.direct] : egress }

    /// What no single value's form tells; `relay config check` and every start ask the same.
    /// - Throws: `configuration_invalid`.
    func check() throws(RelayError) {
        try UpstreamAddress.check(upstream)
        _ = try authorities()
        try checkIssuers()
        _ = try ListenAddress(listen)
        _ = try adminAddress()
        _ = try tlsCredentials()
        _ = try WebhookRules(self)
        _ = try LogLevel.parse(logLevel)
        _ = try prices()
        _ = try MasterKeySource(masterKey, in: data)
        try UpstreamAddress.checkKeyService(kmsEndpoint)
    }
}
