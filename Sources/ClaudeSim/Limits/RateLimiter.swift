/// A token bucket, kept as the one time at which it will be full again (GCRA): exact, without drift.
///
/// In any span of `t` seconds it grants at most `burst + rps × t` requests.
struct RateLimiter: Sendable {
    enum Decision: Hashable, Sendable {
        case granted
        case refused(retryAfter: Duration)
    }

    private let spacing: Duration
    private let burst: Int
    private var fullAt = Duration.zero

    /// - Parameters:
    ///   - rps: more than 0.
    ///   - burst: at least 1.
    init(rps: Double, burst: Int) {
        spacing = .seconds(1 / rps)
        self.burst = burst
    }

    /// Takes one token if there is one. `now` counts from any fixed origin and never runs backwards.
    mutating func take(at now: Duration) -> Decision {
        let earliest = fullAt - spacing * (burst - 1)
        guard earliest <= now else { return .refused(retryAfter: earliest - now) }
        fullAt = max(fullAt, now) + spacing
        return .granted
    }

    /// Whole tokens left, 0...burst.
    func remaining(at now: Duration) -> Int {
        burst - Int((timeUntilFull(at: now) / spacing).rounded(.up))
    }

    func timeUntilFull(at now: Duration) -> Duration {
        max(fullAt - now, .zero)
    }
}
