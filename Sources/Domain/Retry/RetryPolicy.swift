/// When a request is tried again, and when not: one budget of attempts and elapsed time for every kind of retry.
package struct RetryPolicy: Hashable, Sendable {
    package enum Decision: Hashable, Sendable {
        /// Nothing to retry: the verdict is final.
        case finish
        case retry(after: Duration)
        /// Retryable, but the budget is spent.
        case giveUp
    }

    /// Attempts in all that may have been executed, the first one included. At least 1.
    package let maxAttempts: Int
    /// From the first attempt's start; a retry that would begin later is not made.
    package let maxElapsed: Duration
    package let backoff: Backoff

    package init(maxAttempts: Int, maxElapsed: Duration, backoff: Backoff = Backoff()) {
        self.maxAttempts = max(1, maxAttempts)
        self.maxElapsed = maxElapsed
        self.backoff = backoff
    }

    /// Another key may have the permission; if three have not, the request asks too much.
    private static let permissionAttempts = 3

    /// For jobs: 24 h, and within them 20 attempts that may have been executed.
    package static let jobs = RetryPolicy(maxAttempts: 20, maxElapsed: .seconds(86_400))
    /// For interactive calls: 3 attempts within 30 s, first waits up to 1 s.
    package static let interactive = RetryPolicy(maxAttempts: 3, maxElapsed: .seconds(30))

    /// - Parameters:
    ///   - attempt: the number of the attempt that got `verdict`, from 1.
    ///   - charged: how many attempts so far, this one included, spend the budget; all of them if not given. An attempt
    ///     that was surely not executed need not: refused connections, 429 and 529 cost nothing, and may go on for hours.
    ///   - refusals: how many attempts so far, this one included, were refused for want of permission; all of them if not
    ///     given.
    ///   - elapsed: since the first attempt began.
    package func decide(
        after verdict: Verdict, attempt: Int, charged: Int? = nil, refusals: Int? = nil, elapsed: Duration,
        using random: inout some RandomNumberGenerator
    ) -> Decision {
        guard verdict.isRetryable else { return .finish }
        if case .deferred(let delay) = verdict {
            let delay = delay ?? backoff.base
            return elapsed + delay <= maxElapsed ? .retry(after: delay) : .giveUp
        }
        if verdict == .permissionRefused, refusals ?? attempt >= Self.permissionAttempts { return .giveUp }
        let drawn = backoff.delay(afterAttempt: attempt, using: &random)
        let delay = max(drawn, verdict.retryAfter ?? .zero)
        guard (charged ?? attempt) < maxAttempts, elapsed + delay <= maxElapsed else { return .giveUp }
        return .retry(after: delay)
    }
}
