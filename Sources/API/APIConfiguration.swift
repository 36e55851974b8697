import Domain

/// Where the API listens and what it allows.
package struct APIConfiguration: Sendable {
    /// A name or address of this machine.
    package var host = "127.0.0.1"
    /// 0 picks a free one.
    package var port = 8787
    /// Where operators' routes are served, and there alone; nil: with all others.
    package var adminListener: (host: String, port: Int)?
    /// nil: plain HTTP. On both listeners.
    package var tls: TLSCredentials?
    /// Connections of one listener at a time, at least 1.
    package var connections = 20_000
    /// Of one address, or one /64 of IPv6; 0: no limit.
    package var connectionsPerAddress = 1000
    /// Bytes of a request's target, names and values of headers together.
    package var headLimit = 64 * 1024
    /// Header fields of one request.
    package var headerCount = 128
    /// Bytes of a request's target.
    package var targetLimit = 8 * 1024
    /// From a connection's opening or a request's first byte to the end of its head.
    package var headTimeout = Duration.seconds(30)
    /// Between two arrivals of body bytes.
    package var bodyTimeout = Duration.seconds(60)
    /// Bytes/s that a body must come with, apart from ``bodyTimeout`` once; 0: any rate.
    package var bodyRate = 1024
    package var limits = RequestLimits()
    /// Whether paths under `/v1/` that the relay does not know go to the upstream.
    package var forwardsOtherPaths = false
    /// How long an `Idempotency-Key` is remembered.
    package var idempotencyLifetime = Duration.seconds(86_400)
    /// Which URLs webhooks may have.
    package var webhookAddress = WebhookAddress(allowsHTTP: false, ports: PortSet(allowsHTTP: false))
    /// Webhook endpoints that one tenant may have, from 1 to ``WebhookEndpoint/most``.
    package var webhookEndpoints = 100
    /// Changes of webhook endpoints that one tenant may make a minute; 0: any number.
    package var webhookChanges = 60
    /// The ids of the ways out that webhook endpoints may ask for.
    package var webhookEgress: [String] = []
    /// Silence on a stream after which the client gets a ping.
    package var pingInterval = Duration.seconds(15)
    /// A client that takes no byte of its answer for this long loses its connection.
    package var writeTimeout = Duration.seconds(300)
    /// Bytes/s with which an answer that waits must be taken, apart from ``writeTimeout`` once; 0: any rate.
    package var answerRate = 1024
    /// Whether an SDK's retry is attached to the equal call that still runs.
    package var sharesRetries = true
    /// How long a plain call of an SDK lives on after its client has left, so that a retry finds it.
    package var retryGrace = Duration.seconds(2)
    /// Credentials from one address that do not hold and are answered as such within a minute; more are told to wait.
    package var failedAttempts = 20
    /// An idle connection is closed after this long.
    package var idleTimeout = Duration.seconds(300)

    package init() {}
}
