import Domain
import HTTPTypes
import Upstream

/// One call to the upstream while its client waits: tried again under one budget until something has been sent back.
struct InteractiveCall: Sendable {
    let services: APIServices
    let requestID: String
    let call: UpstreamCall
    let demand: CallDemand
    /// Whether an attempt is repeated that may have been executed.
    var repeatsMaybeExecuted = true
    /// nil for calls that are not billed.
    var meter: CallMeter?

    /// The whole answer.
    func exchange() async throws -> Answer {
        var attempts = try await Attempts(services, demand, repeatsMaybeExecuted)
        while true {
            let exchange = await services.gateway.exchange(call, with: attempts.permit, avoiding: attempts.avoided)
            note(exchange)
            try Task.checkCancellation()
            let last = InteractiveOutcome(exchange, requestID: requestID)
            guard try await attempts.again(after: exchange.verdict, suspect: exchange.suspectedEgress, last) else {
                return try last.answer()
            }
        }
    }

    /// The answer as it arrives.
    func stream(to sink: AnswerSink) async throws {
        var attempts = try await Attempts(services, demand, repeatsMaybeExecuted)
        while true {
            switch await services.gateway.open(call, with: attempts.permit, avoiding: attempts.avoided) {
            case .settled(let exchange):
                note(exchange)
                try Task.checkCancellation()
                let last = InteractiveOutcome(exchange, requestID: requestID)
                guard try await attempts.again(after: exchange.verdict, suspect: exchange.suspectedEgress, last) else {
                    return try await send(last, to: sink)
                }
            case .streaming(let stream):
                var relay = StreamRelay(
                    services: services, requestID: requestID, stream: stream, sink: sink, meter: meter)
                guard let early = try await relay.run() else { return }
                let suspect = early.verdict.suspectsPath ? stream.egress : nil
                guard try await attempts.again(after: early.verdict, suspect: suspect, early) else {
                    return try await send(early, to: sink)
                }
            }
        }
    }

    private func note(_ exchange: Exchange) {
        meter?.note(exchange.verdict, key: exchange.key, usage: exchange.usage, at: exchange.endedAt)
    }

    private func send(_ outcome: InteractiveOutcome, to sink: AnswerSink) async throws {
        guard case .full(let status, var headers, let body) = try outcome.answer() else { return }
        headers[.relayRequestID] = requestID
        try await sink.send(status: status, headers: headers, body: body, isHead: false)
    }
}

/// The permits and the budget of one synchronous call.
private struct Attempts {
    private let services: APIServices
    private let demand: CallDemand
    private let watch: Stopwatch
    private var budget: InteractiveBudget
    /// For the attempt that is due.
    private(set) var permit: Permit

    var avoided: Set<String> { budget.avoided }

    init(_ services: APIServices, _ demand: CallDemand, _ repeatsMaybeExecuted: Bool) async throws {
        self.services = services
        self.demand = demand
        watch = Stopwatch(services.clock)
        let usual = RetryPolicy.interactive
        budget = InteractiveBudget(
            policy: RetryPolicy(
                maxAttempts: services.configuration.limits.maxAttempts, maxElapsed: usual.maxElapsed,
                backoff: usual.backoff),
            repeatsMaybeExecuted: repeatsMaybeExecuted)
        permit = try await Self.permit(services, demand, within: services.configuration.limits.patience)
    }

    /// Waits for the next attempt's turn.
    /// - Returns: false if `last` is the answer: nothing to retry, the budget is spent, or no permit is to be had
    ///   in what is left of it.
    mutating func again(after verdict: Verdict, suspect: String?, _ last: InteractiveOutcome) async throws -> Bool {
        var random = SystemRandomNumberGenerator()
        let decision = budget.decide(after: verdict, suspect: suspect, elapsed: watch.elapsed, using: &random)
        guard case .retry(let delay) = decision else { return false }
        try await services.clock.sleep(for: delay)
        let rest = min(services.configuration.limits.patience, budget.policy.maxElapsed - watch.elapsed)
        do {
            permit = try await Self.permit(services, demand, within: max(.zero, rest))
            return true
        } catch let error as RelayError
            where !last.isDeferred && (last.hasReply || error.code == .pacingExhausted)
        {
            return false
        }
    }

    private static func permit(
        _ services: APIServices, _ demand: CallDemand, within patience: Duration
    ) async throws -> Permit {
        let permits = try await services.gateway.permits(upTo: 1, for: demand, within: patience)
        if Task.isCancelled {
            await services.gateway.giveBack(permits)
            throw CancellationError()
        }
        guard let permit = permits.first else {
            throw RelayError(
                .pacingExhausted, "No permit to send was to be had in time.", remedy: "Retry after the delay.",
                retryAfter: .seconds(1))
        }
        return permit
    }
}
