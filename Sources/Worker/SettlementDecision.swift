import Domain
import Upstream

/// What one exchange makes of its job. Pure: time and randomness come in.
struct SettlementDecision {
    let claim: Claim
    let policy: RetryPolicy
    let prices: PriceList

    /// - Parameters:
    ///   - earlierRefusals: attempts before this one that were refused for want of permission.
    ///   - now: after the exchange.
    func settlement(
        after exchange: Exchange, earlierRefusals: Int = 0, at now: Timestamp,
        using random: inout some RandomNumberGenerator
    ) -> Settlement {
        if case .deferred(let wait) = exchange.verdict {
            return deferral(of: exchange, for: wait ?? .zero, at: now, using: &random)
        }
        let elapsed = now.duration(since: claim.firstClaimedAt)
        let charged = claim.chargedAttempts + (exchange.verdict.isMaybeBilled ? 1 : 0)
        let decision = policy.decide(
            after: exchange.verdict, attempt: claim.lease.attempt, charged: charged,
            refusals: earlierRefusals + 1, elapsed: elapsed, using: &random)
        return Settlement(
            lease: claim.lease, outcome: outcome(decision, exchange, now), attempt: record(exchange),
            bill: bill(exchange))
    }

    /// nil if nothing was sent.
    private func bill(_ exchange: Exchange?) -> Bill? {
        guard let exchange else { return nil }
        if case .deferred = exchange.verdict { return nil }
        return prices.bill(exchange.usage, of: claim.model)
    }

    /// It was the relay that had it wait: that ends no job. Those that were deferred together come back one by one.
    private func deferral(
        of exchange: Exchange, for wait: Duration, at now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> Settlement {
        let delay = wait + policy.backoff.delay(afterAttempt: 1, using: &random)
        return Settlement(
            lease: claim.lease, outcome: .deferred(until: now.advanced(by: delay)), attempt: record(exchange))
    }

    private func outcome(_ decision: RetryPolicy.Decision, _ exchange: Exchange, _ now: Timestamp)
        -> Settlement.Outcome
    {
        switch decision {
        case .retry(let delay): .retry(at: now.advanced(by: delay))
        case .finish where exchange.verdict == .success: .ended(.succeeded, result(exchange))
        case .finish, .giveUp: .ended(.errored, result(exchange))
        }
    }

    /// The upstream's answer as it came; the relay's own envelope if there was none.
    private func result(_ exchange: Exchange) -> JobResult {
        guard let reply = exchange.reply else {
            return JobResult(
                RelayError(
                    .retriesExhausted,
                    "No answer after \(claim.lease.attempt) attempts; the last ended with \(exchange.verdict.code).",
                    remedy: "Submit the job again when the upstream can be reached."))
        }
        return JobResult(status: reply.status, headers: reply.headers.filter(Self.isKept), body: reply.body)
    }

    /// The settlement of a job that was not sent, or whose call was closed by us.
    func unsent(_ outcome: Settlement.Outcome, verdict: String, exchange: Exchange?, at now: Timestamp) -> Settlement {
        Settlement(
            lease: claim.lease, outcome: outcome,
            attempt: AttemptRecord(
                attempt: claim.lease.attempt, key: exchange?.key, egress: exchange?.egress,
                startedAt: exchange?.startedAt ?? now, endedAt: now, status: nil, requestID: nil, verdict: verdict,
                maybeBilled: exchange?.verdict.isMaybeBilled ?? false), bill: bill(exchange))
    }

    private func record(_ exchange: Exchange) -> AttemptRecord {
        AttemptRecord(
            attempt: claim.lease.attempt, key: exchange.key, egress: exchange.egress, startedAt: exchange.startedAt,
            firstByteAt: exchange.firstByteAt, endedAt: exchange.endedAt, status: exchange.reply?.status,
            requestID: exchange.reply?.requestID, verdict: exchange.verdict.code, error: exchange.reply?.errorWord,
            maybeBilled: exchange.verdict.isMaybeBilled, bytesSent: claim.body.count,
            bytesReceived: exchange.reply?.body.count ?? 0, usage: exchange.usage)
    }

    /// What of an answer's headers is worth storing; the rest concerned the connection.
    private static func isKept(_ field: HeaderField) -> Bool {
        let name = field.name.lowercased()
        return name.hasPrefix("anthropic-")
            || ["content-type", "content-encoding", "request-id", "retry-after"].contains(name)
    }
}
