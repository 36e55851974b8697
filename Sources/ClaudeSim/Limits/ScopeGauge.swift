/// How far one scope has used its limits.
struct ScopeGauge: Sendable {
    private let limits: Limits
    private var limiter: RateLimiter?
    private var ramp: RampLimiter?
    private var input: TokenBucket?
    private var output: TokenBucket?
    var inFlight: Int

    /// With full buckets.
    init(_ limits: Limits, inFlight: Int = 0) {
        self.limits = limits
        self.inFlight = inFlight
        limiter = limits.rps.map { RateLimiter(rps: $0, burst: limits.burst) }
        ramp = limits.ramp.map { RampLimiter(factor: $0) }
        input = limits.inputTokensPerMinute.map { TokenBucket(perMinute: $0) }
        output = limits.outputTokensPerMinute.map { TokenBucket(perMinute: $0) }
    }

    /// Counts one request, or says which limit it would exceed; then nothing has changed.
    /// - Parameter inputTokens: without those that are read from the prompt cache.
    mutating func admit(inputTokens: Int, at now: Duration) -> OverLimit? {
        var taken = self
        if let refusal = taken.take(inputTokens: inputTokens, at: now) { return refusal }
        self = taken
        inFlight += 1
        return nil
    }

    /// Takes the tokens of an executed request from the buckets.
    mutating func charge(inputTokens: Int, outputTokens: Int, at now: Duration) {
        input?.take(inputTokens, at: now)
        output?.take(outputTokens, at: now)
    }

    /// What the headers tell; nil without any limit that has some.
    func reading(at now: Duration) -> RateReading? {
        var reading = RateReading()
        if let limiter, let rps = limits.rps {
            reading.requests = .init(
                limit: max(1, Int((rps * 60).rounded())), remaining: limiter.remaining(at: now),
                untilFull: limiter.timeUntilFull(at: now))
        }
        reading.inputTokens = input.map { Self.family($0, at: now) }
        reading.outputTokens = output.map { Self.family($0, at: now) }
        return reading.isEmpty ? nil : reading
    }

    private mutating func take(inputTokens: Int, at now: Duration) -> OverLimit? {
        if let concurrency = limits.concurrency, inFlight >= concurrency {
            let message = "Number of concurrent connections has exceeded your rate limit of \(concurrency)."
            return OverLimit(reason: .concurrency, message: message, retryAfter: .seconds(1))
        }
        if case .refused(let wait) = ramp?.take(at: now) {
            let message = "Your usage has grown too sharply for your acceleration limit. Increase it more gradually."
            return OverLimit(reason: .ramp, message: message, retryAfter: wait)
        }
        if let wait = input?.wait(for: inputTokens, at: now), wait > .zero {
            return over(.inputTokens, "\(limits.inputTokensPerMinute ?? 0) input tokens per minute", wait)
        }
        // How long an answer will be is not known before: a request passes while anything is left.
        if let wait = output?.wait(for: 1, at: now), wait > .zero {
            return over(.outputTokens, "\(limits.outputTokensPerMinute ?? 0) output tokens per minute", wait)
        }
        guard case .refused(let wait) = limiter?.take(at: now) else { return nil }
        return over(.requests, "\(limits.rps ?? 0) requests per second", wait)
    }

    private func over(_ reason: OverLimit.Reason, _ limit: String, _ wait: Duration) -> OverLimit {
        OverLimit(
            reason: reason, message: "This request would exceed the rate limit of \(limit).", retryAfter: wait)
    }

    private static func family(_ bucket: TokenBucket, at now: Duration) -> RateReading.Family {
        .init(
            limit: bucket.capacity, remaining: (bucket.remaining(at: now) + 500) / 1_000 * 1_000,
            untilFull: bucket.timeUntilFull(at: now))
    }
}
