import Domain

/// What an attempt's outcome makes of its delivery's row.
struct DeliveryEnding {
    let state: DeliveryState
    /// When it is due again; nil once it has ended.
    var dueAt: Timestamp?
    var endedAt: Timestamp?
    var status: Int?
    var error: String?
    /// Whether the attempt counts.
    var isCounted = true

    init(_ outcome: DeliveryOutcome, log: DeliveryAttempt) {
        status = log.status
        error = log.error
        switch outcome {
        case .delivered(let now, let answer):
            (state, endedAt, status, error) = (.delivered, now, answer, nil)
        case .retry(let due, let reason):
            (state, dueAt, error) = (.pending, due, reason)
        case .failed(let now, let reason):
            (state, endedAt, error) = (.failed, now, reason)
        case .gone(let now, let answer):
            (state, endedAt, status) = (.failed, now, answer)
            error = EndpointDisabling.reason(status: answer)
        case .postponed(let due):
            (state, dueAt, isCounted) = (.pending, due, false)
        }
    }
}

extension DeliveryLane {
    /// The end of one attempt that was under way here.
    /// - Returns: why its endpoint is to be disabled; nil if it is not.
    mutating func attemptEnded(
        _ outcome: DeliveryOutcome, error: String?, at now: Timestamp, rules: EndpointRules
    ) -> String? {
        inFlight = max(0, inFlight - 1)
        switch outcome {
        case .delivered:
            pending -= 1
            health.succeeded()
        case .retry:
            return fail(error, at: now, rules: rules)
        case .failed:
            pending -= 1
            return fail(error, at: now, rules: rules)
        case .gone(_, let status):
            pending -= 1
            return EndpointDisabling.reason(status: status)
        case .postponed: break
        }
        return nil
    }

    /// Tests that fail disable nothing.
    private mutating func fail(_ error: String?, at now: Timestamp, rules: EndpointRules) -> String? {
        guard health.failed(at: now, rules: rules), endpoint == name else { return nil }
        return EndpointDisabling.reason(failingSince: health.failingSince, error: error)
    }
}
