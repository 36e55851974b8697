/// All that changes while a simulator runs. It decides; its owner keeps the lock and reads the clock.
struct SimulatorState: Sendable {
    private struct Gauge: Sendable {
        var limiter: RateLimiter?
        var inFlight = 0
    }

    /// More keys than this share one set of counters and limits, named ``KeyLabel/others``.
    static let maxKeys = 10_000

    private(set) var statistics: Statistics
    private(set) var limits: Limits
    var plan: FaultPlan
    private let seed: UInt64
    private let maxTracked: Int
    private var gauges: [String: Gauge] = [:]

    init(seed: UInt64, limits: Limits, plan: FaultPlan, maxTracked: Int) {
        self.seed = seed
        self.limits = limits
        self.plan = plan
        self.maxTracked = maxTracked
        statistics = Statistics(startedAt: .zero, maxTracked: maxTracked)
    }

    var inFlight: Int { gauges.values.reduce(0) { $0 + $1.inFlight } }

    /// Starts all counters anew; limits, faults and requests in flight stay.
    mutating func resetStatistics(at now: Duration) {
        statistics = Statistics(startedAt: now, maxTracked: maxTracked)
    }

    /// New limits for all keys, each with a full bucket.
    mutating func setLimits(_ limits: Limits) {
        self.limits = limits
        for key in gauges.keys { gauges[key]?.limiter = Self.limiter(limits) }
    }

    mutating func recordOther(status: Int) {
        statistics.recordOther(status: status)
    }

    /// The name under which a key is limited and counted.
    func account(of key: String) -> String {
        let label = KeyLabel.text(for: key)
        return gauges[label] == nil && gauges.count >= Self.maxKeys ? KeyLabel.others : label
    }

    /// An accepted request is in flight until ``finish(account:)``.
    mutating func admit(
        account: String, body: Fingerprint, script: FaultScript?, isStream: Bool, at now: Duration
    ) -> Admission {
        var gauge = gauges[account] ?? Gauge(limiter: Self.limiter(limits))
        defer { gauges[account] = gauge }
        if let refusal = refuse(&gauge, at: now) {
            statistics.recordRefusal(key: account, at: now)
            return refusal
        }
        gauge.inFlight += 1
        let attempt = statistics.recordAttempt(of: body)
        var generator = SeededGenerator(seed: seed, fingerprint: body, attempt: attempt)
        let chosen = script.map { $0.fault(atAttempt: attempt) } ?? plan.draw(using: &generator)
        let fault = chosen?.fitted(toStream: isStream)
        statistics.recordAccepted(key: account, body: body, fault: fault, at: now)
        return .accepted(fault: fault, generator: generator, rate: reading(gauge, at: now))
    }

    mutating func finish(account: String) {
        gauges[account]?.inFlight -= 1
    }

    private func refuse(_ gauge: inout Gauge, at now: Duration) -> Admission? {
        if let concurrency = limits.concurrency, gauge.inFlight >= concurrency {
            let message = "Number of concurrent connections has exceeded your rate limit of \(concurrency)."
            return .refused(message: message, retryAfter: .seconds(1), rate: reading(gauge, at: now))
        }
        guard case .refused(let wait) = gauge.limiter?.take(at: now) else { return nil }
        let message = "This request would exceed the rate limit of \(limits.rps ?? 0) requests per second."
        return .refused(message: message, retryAfter: wait, rate: reading(gauge, at: now))
    }

    private func reading(_ gauge: Gauge, at now: Duration) -> RateReading? {
        guard let limiter = gauge.limiter, let rps = limits.rps else { return nil }
        return RateReading(
            requestsPerMinute: max(1, Int((rps * 60).rounded())), remaining: limiter.remaining(at: now),
            untilFull: limiter.timeUntilFull(at: now)
        )
    }

    private static func limiter(_ limits: Limits) -> RateLimiter? {
        limits.rps.map { RateLimiter(rps: $0, burst: limits.burst) }
    }
}
