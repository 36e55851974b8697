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
        case .retry(let due, let reason, _):
            (state, dueAt, error) = (.pending, due, reason)
        case .failed(let now, let reason):
            (state, endedAt, error) = (.failed, now, reason)
        case .gone(let now, let answer):
            (state, endedAt, status) = (.failed, now, answer)
            error = EndpointDisabling.reason(status: answer)
        case .postponed(let due, _):
            (state, dueAt, isCounted) = (.pending, due, false)
        }
    }
}

extension DeliveryOutcome {
    /// What it means if the endpoint has got another URL meanwhile: what did not arrive is due there.
    func atFormerURL(at now: Timestamp) -> DeliveryOutcome {
        switch self {
        case .delivered, .postponed: self
        case .retry(_, let error, _), .failed(_, let error): .retry(at: now, error: error)
        case .gone(_, let status): .retry(at: now, error: EndpointDisabling.reason(status: status))
        }
    }
}

extension DeliveryLane {
    /// The end of one attempt that was under way here and went where its receiver is not any more.
    mutating func formerAttemptEnded(_ outcome: DeliveryOutcome) {
        inFlight = max(0, inFlight - 1)
        if case .delivered = outcome { pending -= 1 }
    }

    /// The end of one attempt that was under way here.
    /// - Returns: why its endpoint is to be disabled; nil if it is not.
    mutating func attemptEnded(
        _ outcome: DeliveryOutcome, _ log: DeliveryAttempt, rules: EndpointRules
    ) -> String? {
        inFlight = max(0, inFlight - 1)
        switch outcome {
        case .delivered:
            pending -= 1
            health.succeeded(after: log.endedAt.duration(since: log.startedAt), rules: rules)
        case .retry(_, let error, let wish):
            return fail(error, at: log.endedAt, wish: wish, rules: rules)
        case .failed(_, let error):
            pending -= 1
            return fail(error, at: log.endedAt, rules: rules)
        case .gone(_, let status):
            pending -= 1
            return EndpointDisabling.reason(status: status)
        case .postponed(let due, let isOfLane): waitsUntil = isOfLane ? due : waitsUntil
        }
        return nil
    }

    /// Tests that fail disable nothing.
    private mutating func fail(
        _ error: String, at now: Timestamp, wish: Duration = .zero, rules: EndpointRules
    ) -> String? {
        guard health.failed(at: now, wish: wish, rules: rules), endpoint == name else { return nil }
        return EndpointDisabling.reason(failingSince: health.failingSince, error: error)
    }
}
