/// Exponential backoff with full jitter: a uniform draw from 0 to `min(2ⁿ, 60)` s, n counting from 0.
///
/// After attempt 1: 0…1 s; 2: 0…2 s; 3: 0…4 s; 7 and later: 0…60 s.
package struct Backoff: Hashable, Sendable {
    /// The bound after the first attempt.
    package let base: Duration
    /// The bound never grows past this.
    package let cap: Duration

    package init(base: Duration = .seconds(1), cap: Duration = .seconds(60)) {
        self.base = base
        self.cap = cap
    }

    /// The longest possible wait after `attempt`, from 1.
    package func bound(afterAttempt attempt: Int) -> Duration {
        let doublings = min(max(attempt - 1, 0), 30)
        return min(base * (1 << doublings), cap)
    }

    package func delay(afterAttempt attempt: Int, using random: inout some RandomNumberGenerator) -> Duration {
        .microseconds(Int64.random(in: 0...bound(afterAttempt: attempt).microseconds, using: &random))
    }
}
