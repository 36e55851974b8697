/// What one reply means for the job, the key, the egress path and the provider. Exhaustive: every reply has exactly one.
package enum Verdict: Hashable, Sendable {
    /// 2xx with a complete body. Ends the job as succeeded.
    case success
    /// The request itself is at fault (400, 404, 413, …). Ends the job; nobody is penalised.
    case clientFault
    /// 429: the key's pacing scope pauses until `retryAfter` has passed; the job goes on.
    case rateLimited(retryAfter: Duration?)
    /// 429 with a spend-limit code: the key is out until it resets. Or a 400 that says so in words alone: then for minutes.
    /// The job goes on with another.
    case spendLimited
    /// 529 or `overloaded_error`: the provider's load. Slow down everywhere; no key is penalised.
    case overloaded(retryAfter: Duration?)
    /// 401, 402: the key is out until an operator looks; the job goes on with another.
    case keyRefused
    /// 403: this key may not do what this request asks. Tried with another key, three attempts in all; the key is out only
    /// if it refuses again and again.
    case permissionRefused
    /// 403 for the region: the egress path is out until an operator looks; the job goes on over another.
    case egressRefused
    /// Network, TLS, timeout, a body cut short: the egress path is suspected.
    case egressFault(TransportFailure)
    /// 5xx, or a 2xx whose body is not a complete answer: back off.
    case upstreamFault(retryAfter: Duration?)
    /// Not sent: what this request counts in has nothing left for now. The job waits its turn and is charged nothing.
    case deferred(retryAfter: Duration?)

    /// The stable word for journals, metrics and logs.
    package var code: String {
        switch self {
        case .success: "success"
        case .clientFault: "client_fault"
        case .rateLimited: "rate_limited"
        case .spendLimited: "spend_limited"
        case .overloaded: "overloaded"
        case .keyRefused: "key_refused"
        case .permissionRefused: "permission_refused"
        case .egressRefused: "egress_refused"
        case .egressFault(let failure): "egress_fault_\(failure.kind.rawValue)"
        case .upstreamFault: "upstream_fault"
        case .deferred: "deferred"
        }
    }

    /// Whether the next attempt had better go another way. After an upstream's fault, too: what has answered may be on the
    /// way.
    package var suspectsPath: Bool {
        switch self {
        case .egressFault(let failure): failure.kind != .exhausted
        case .egressRefused, .upstreamFault: true
        case .success, .clientFault, .rateLimited, .spendLimited, .overloaded, .keyRefused, .permissionRefused,
            .deferred:
            false
        }
    }

    /// Whether another attempt can end better than this one did.
    package var isRetryable: Bool {
        switch self {
        case .success, .clientFault: false
        case .egressFault(let failure): ![.canceled, .tooLarge, .altered].contains(failure.kind)
        case .rateLimited, .spendLimited, .overloaded, .keyRefused, .permissionRefused, .egressRefused,
            .upstreamFault, .deferred:
            true
        }
    }

    /// The time before which the upstream asked not to be called again.
    package var retryAfter: Duration? {
        switch self {
        case .rateLimited(let delay), .overloaded(let delay), .upstreamFault(let delay), .deferred(let delay): delay
        case .success, .clientFault, .spendLimited, .keyRefused, .permissionRefused, .egressRefused, .egressFault: nil
        }
    }

    /// Whether the upstream may have executed and billed a request whose answer is lost.
    package var isMaybeBilled: Bool {
        switch self {
        case .egressFault(let failure): failure.maybeSent
        case .upstreamFault: true
        case .success, .clientFault, .rateLimited, .spendLimited, .overloaded, .keyRefused, .permissionRefused,
            .egressRefused, .deferred:
            false
        }
    }
}
