/// A minute's worth of tokens that refills evenly. May be overdrawn: what a call costs is known when it is over.
struct TokenBucket: Sendable {
    /// Tokens in a minute, and the most that the bucket holds.
    let capacity: Int
    private var level: Double
    private var updatedAt = Duration.zero

    /// Starts full.
    /// - Parameter perMinute: at least 1.
    init(perMinute: Int) {
        capacity = perMinute
        level = Double(perMinute)
    }

    /// How long until `tokens` are there; zero if they are. More than the capacity need a full bucket.
    func wait(for tokens: Int, at now: Duration) -> Duration {
        let missing = Double(min(tokens, capacity)) - balance(at: now)
        return missing <= 1e-6 ? .zero : .seconds(missing / perSecond)
    }

    /// Takes them, there or not. `now` counts from any fixed origin and never runs backwards.
    mutating func take(_ tokens: Int, at now: Duration) {
        level = balance(at: now) - Double(tokens)
        updatedAt = now
    }

    /// Whole tokens left, 0...capacity.
    func remaining(at now: Duration) -> Int { max(0, Int(balance(at: now))) }

    func timeUntilFull(at now: Duration) -> Duration {
        .seconds(max(0, (Double(capacity) - balance(at: now)) / perSecond))
    }

    private var perSecond: Double { Double(capacity) / 60 }

    private func balance(at now: Duration) -> Double {
        min(Double(capacity), level + (now - updatedAt) / .seconds(1) * perSecond)
    }
}
