import Domain

/// How often one synchronous call may be tried: one budget, whatever goes wrong.
struct InteractiveBudget {
    /// An overloaded provider is not helped by insistence.
    private static let overloadRetries = 2
    /// Each waits for a permit before, so there are few; a limit all the same.
    private static let deferralLimit = 10

    let policy: RetryPolicy
    /// False for calls whose effects we do not know: what may have been executed is not sent again.
    let repeatsMaybeExecuted: Bool
    private(set) var attempts = 0
    private var overloads = 0
    private var deferrals = 0
    /// Ways out that have failed this call.
    private(set) var avoided: Set<String> = []

    init(policy: RetryPolicy, repeatsMaybeExecuted: Bool = true) {
        self.policy = policy
        self.repeatsMaybeExecuted = repeatsMaybeExecuted
    }

    /// Counts an attempt that ended with `verdict`, and says what follows.
    /// - Parameter suspect: the way that it went, if the next one had better go another.
    mutating func decide(
        after verdict: Verdict, suspect: String?, elapsed: Duration, using random: inout some RandomNumberGenerator
    ) -> RetryPolicy.Decision {
        if case .deferred = verdict {
            // Nothing was sent: no attempt. The next permit is waited for, so the call need not wait here.
            deferrals += 1
            return deferrals <= Self.deferralLimit && elapsed < policy.maxElapsed ? .retry(after: .zero) : .giveUp
        }
        attempts += 1
        if let suspect { avoided.insert(suspect) }
        if case .overloaded = verdict {
            overloads += 1
            if overloads > Self.overloadRetries { return .giveUp }
        }
        if !repeatsMaybeExecuted, verdict.isMaybeBilled { return .giveUp }
        return policy.decide(after: verdict, attempt: attempts, elapsed: elapsed, using: &random)
    }
}
