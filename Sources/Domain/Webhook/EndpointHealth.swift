/// What the last attempts say of a receiver: how much it is sent at once, and whether it is left alone for a while.
/// A value that is fed the ends of attempts; time is an argument.
package struct EndpointHealth: Hashable, Sendable {
    /// By what it does to the receiver's events. The raw value is what operators read.
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// They are sent; to `tripped` after too many failures in a row.
        case passing
        /// Nothing is sent until an instant; then to `probing`.
        case tripped
        /// They are sent one at a time: a success leads to `passing`, a failure to `tripped`, for twice as long.
        case probing
    }

    /// What ``window`` never exceeds.
    package static let widest = 1024

    /// How many may be under way at once; 1 at first and after a failure, doubled by each success.
    package private(set) var window: Int
    /// In a row, up to now.
    package private(set) var failures: Int
    /// When the first of ``failures`` was; nil if there is none.
    package private(set) var failingSince: Timestamp?
    /// Nothing is sent before; nil while passing.
    package private(set) var trippedUntil: Timestamp?
    /// How long it was last left alone; zero while passing.
    package private(set) var rest: Duration
    /// When the last of ``failures`` was; nil if there is none, or it is not known.
    package private(set) var lastFailedAt: Timestamp?
    /// Whether its last attempt was answered well and soon. Deliveries to those that are not trusted must leave room to
    /// those to others, for each may take a whole timeout.
    package private(set) var isTrusted: Bool

    /// A receiver of which nothing is known.
    package init() {
        self.init(window: 1, failures: 0, failingSince: nil, trippedUntil: nil, rest: .zero)
    }

    /// As a store has kept it; what is out of range is brought into it.
    package init(
        window: Int, failures: Int, failingSince: Timestamp?, trippedUntil: Timestamp?, rest: Duration,
        lastFailedAt: Timestamp? = nil, isTrusted: Bool = false
    ) {
        self.lastFailedAt = lastFailedAt
        self.isTrusted = isTrusted
        self.window = min(max(window, 1), Self.widest)
        self.failures = max(failures, 0)
        self.failingSince = failingSince
        self.trippedUntil = trippedUntil
        self.rest = max(rest, .zero)
    }

    /// What its effect is at `now`.
    package func state(at now: Timestamp) -> State {
        guard let trippedUntil else { return .passing }
        return now < trippedUntil ? .tripped : .probing
    }

    /// How many may be under way at `now`, of `limit` for any receiver.
    package func capacity(limit: Int, at now: Timestamp) -> Int {
        switch state(at: now) {
        case .passing: min(window, limit)
        case .tripped: 0
        case .probing: 1
        }
    }

    /// An attempt was answered well: nothing is held against the receiver, and twice as many may be under way.
    /// - Parameter duration: how long the answer took.
    package mutating func succeeded(after duration: Duration, rules: EndpointRules) {
        let wider = min(window * 2, Self.widest)
        self = EndpointHealth()
        window = wider
        isTrusted = duration < rules.slowAfter
    }

    /// - Parameter wish: how long the receiver asked to be left alone; zero if it did not.
    /// - Returns: whether the endpoint is to be disabled.
    package mutating func failed(at now: Timestamp, wish: Duration = .zero, rules: EndpointRules) -> Bool {
        let before = state(at: now)
        forgetOldFailures(at: now, rules: rules)
        failures += 1
        failingSince = failingSince ?? now
        lastFailedAt = now
        isTrusted = false
        window = 1
        switch before {
        case .passing where failures < rules.tripAfter: break
        case .passing: trip(for: rules.firstRest, at: now)
        case .probing: trip(for: min(max(rest * 2, rules.firstRest), rules.longestRest), at: now)
        case .tripped: break  // an attempt that had begun before
        }
        let wished = min(wish, rules.longestRest)
        if now.advanced(by: wished) > trippedUntil ?? now { trip(for: wished, at: now) }
        let duration = failingSince.map { now.duration(since: $0) } ?? .zero
        return duration >= rules.disableAfter && failures >= rules.disableAfterFailures
    }

    /// Failures from before a long silence say nothing of how long it has been failing.
    private mutating func forgetOldFailures(at now: Timestamp, rules: EndpointRules) {
        guard let lastFailedAt, now.duration(since: lastFailedAt) > rules.silence else { return }
        failures = 0
        failingSince = nil
    }

    private mutating func trip(for rest: Duration, at now: Timestamp) {
        self.rest = rest
        trippedUntil = now.advanced(by: rest)
    }

    /// After the clock was set back by `step`: instants that a clock has set which was ahead of `now`.
    package mutating func rebase(by step: Duration, to now: Timestamp) {
        failingSince = failingSince.map { min($0, now) }
        lastFailedAt = lastFailedAt.map { min($0, now) }
        guard let until = trippedUntil, until.advanced(by: .zero - rest) > now else { return }
        trippedUntil = min(until, max(until.advanced(by: .zero - step), now))
    }
}
