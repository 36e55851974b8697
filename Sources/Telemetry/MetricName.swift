/// The metrics that the relay keeps. `docs/operations.md` says what each tells.
package enum MetricName {
    /// Counter: calls answered, by HTTP status and method.
    package static let requests = "claude_requests_total"
    /// Gauge: connections of clients, by listener (public, admin).
    package static let connections = "relay_client_connections"
    /// Gauge: bytes of requests' bodies, and of answers that wait for their ends, that the process holds.
    package static let requestBytesHeld = "relay_request_bytes_held"
    /// Counter: connections and requests refused before they were read as a request, by error code.
    package static let refusals = "relay_refused_requests_total"
    /// Histogram, ms: from a call's head to its answer's end.
    package static let responseTime = "claude_response_time"
    /// Counter: attempts at jobs that were settled, by verdict.
    package static let jobAttempts = "relay_job_attempts_total"
    /// Counter: attempts whose lease another worker had taken when they ended.
    package static let leasesLost = "relay_leases_lost_total"
    /// Counter: retries of SDKs that were attached to the call that still ran.
    package static let attachedRetries = "relay_attached_retries_total"
    /// Counter: webhook deliveries tried, by outcome.
    package static let deliveries = "relay_deliveries_total"
    /// Histogram, s: from an event to the receiver's 2xx.
    package static let deliveryTime = "relay_delivery_seconds"
    /// Gauge: webhook receivers, by what is sent to them (passing, tripped, probing).
    package static let receivers = "relay_webhook_receivers"
    /// Gauge: jobs kept, by state.
    package static let jobs = "relay_jobs"
    /// Gauge: deliveries kept, by state.
    package static let keptDeliveries = "relay_deliveries"
    /// Gauge, s: how long the most overdue queued job has been due.
    package static let longestWait = "relay_queue_longest_wait_seconds"
    /// Gauge: bytes on disk, by part (file, free inside it, log).
    package static let storeBytes = "relay_store_bytes"
    /// Gauge: 1 if the store's figures are of now, 0 if it could not be read and they are the last known.
    package static let storeReadable = "relay_store_readable"
    /// Gauge: 1 if this process knows the store's present keyring, 0 if that does not open here.
    package static let keyringKnown = "relay_keyring_known"
    /// Gauge: calls under way, by egress path.
    package static let egressCalls = "relay_egress_calls_in_flight"
    /// Gauge: 0 passing, 1 probing, 2 tripped, 3 out; by egress path.
    package static let egressState = "relay_egress_state"
    /// Gauge: upstream keys, by state (usable, refused, spend_limited).
    package static let keys = "relay_upstream_keys"
    /// Gauge: calls sent and not yet booked.
    package static let callsInFlight = "relay_upstream_calls_in_flight"
    /// Gauge, s: how long the provider is still given a rest after overloads.
    package static let overloadRest = "relay_overload_rest_seconds"

    /// Counter: exchanges with the upstream, by egress path, outcome and connection (new, reused, none).
    package static let exchanges = "relay_upstream_exchanges_total"
    /// Counter: times that requests were begun anew: connection dead before a byte was sent, stream refused; by egress path.
    package static let exchangeRepeats = "relay_upstream_repeats_total"
    /// Histogram, s: phases of connections (resolve, connect, tunnel, tls) and of exchanges (first_byte, between_bytes, total),
    /// by egress path.
    package static let exchangePhases = "relay_upstream_phase_seconds"
    /// Gauge: open sockets to the upstream and its proxies, by egress path.
    package static let sockets = "relay_upstream_sockets"
    /// Gauge: those of the open sockets that wait for a call, by egress path.
    package static let idleSockets = "relay_upstream_idle_sockets"
    /// Gauge: those of the open sockets that no call has begun on yet, by egress path.
    package static let connectingSockets = "relay_upstream_connecting_sockets"
    /// Counter: connections made, by egress path, family of the address (ipv4, ipv6) and TLS session (full, resumed, none).
    package static let connectionsMade = "relay_upstream_connections_total"
    /// Counter: names that connections needed the address of, by egress path and source (resolver, memory).
    package static let lookups = "relay_upstream_lookups_total"
    /// Histogram: calls on a connection when one more has begun there, by egress path.
    package static let callsOnConnection = "relay_upstream_calls_on_connection"

    /// What `# HELP` says of each.
    static let help = [
        requests: "Calls answered, by HTTP status and method.",
        connections: "Connections of clients, by listener.",
        requestBytesHeld: "Bytes of requests' bodies that the process holds.",
        refusals: "Connections and requests refused before they were read as a request, by error code.",
        responseTime: "Milliseconds from a call's head to its answer's end.",
        jobAttempts: "Attempts at jobs, by verdict.",
        leasesLost: "Attempts whose lease another worker had taken when they ended.",
        attachedRetries: "Retries of SDKs that were attached to the call that still ran.",
        deliveries: "Webhook deliveries tried, by outcome.",
        deliveryTime: "Seconds from an event to its receiver's 2xx.",
        receivers: "Webhook receivers, by what is sent to them: passing, tripped, probing.",
        jobs: "Jobs kept, by state.",
        keptDeliveries: "Webhook deliveries kept, by state.",
        longestWait: "Seconds for which the most overdue queued job has been due.",
        storeBytes: "Bytes of the queue's file on disk, of it free, and of its log.",
        egressCalls: "Calls under way, by egress path.",
        egressState: "0 passing, 1 probing, 2 tripped, 3 out; by egress path.",
        keys: "Upstream keys, by state.",
        callsInFlight: "Calls sent to the upstream and not yet booked.",
        overloadRest: "Seconds for which nothing is sent after overloads of the provider.",
        exchanges: "Exchanges with the upstream, by egress path, outcome and connection.",
        exchangeRepeats:
            "Requests begun anew: the connection was dead before a byte was sent, or the stream was refused.",
        exchangePhases: "Seconds of the phases of connections and exchanges, by egress path.",
        sockets: "Open sockets to the upstream and its proxies, by egress path.",
        idleSockets: "Open sockets that have carried calls and wait for another, by egress path.",
        connectingSockets: "Open sockets that no call has begun on yet, by egress path.",
        connectionsMade: "Connections made, by egress path, family of the address and TLS session.",
        lookups: "Names whose address a connection needed, by egress path and where it came from.",
        callsOnConnection: "Calls on a connection when one more has begun there, itself included, by egress path.",
        keyringKnown: "1 if the process knows the store's present keyring, 0 if that does not open for it.",
        storeReadable: "1 if the store's figures are of now, 0 if they are the last known.",
    ]

    /// The upper bounds of each histogram's buckets; ``defaultBuckets`` for any other.
    static let buckets: [String: [Double]] = [
        responseTime: [50, 100, 200, 500, 1000],
        deliveryTime: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43_200, 259_200],
        callsOnConnection: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
        exchangePhases: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    ]
    static let defaultBuckets: [Double] = [1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 60_000]
}

/// The labels of metrics. Values come from closed sets: a label never holds an id.
package enum MetricLabel {
    /// An error's stable code.
    package static let code = "code"
    /// `public` or `admin`.
    package static let listener = "listener"
    /// `new`, `reused` or `none`.
    package static let connection = "connection"
    /// `ipv4` or `ipv6`.
    package static let family = "family"
    package static let method = "method"
    package static let outcome = "outcome"
    package static let part = "part"
    /// An egress path's id: the operator's, from a short list.
    package static let path = "path"
    package static let phase = "phase"
    /// `full`, `resumed` or `none`.
    package static let session = "session"
    /// `resolver` or `memory`.
    package static let source = "source"
    package static let state = "state"
    package static let statusCode = "status_code"
    package static let verdict = "verdict"
}
