/// Spreads out again the calls of one process that wake late, together, after it has stalled.
///
/// The ledger spaces starts in wall time; a process that stood still meanwhile finds many of them due at once. Here each
/// scope that the calls share keeps when its next call may begin, a little sooner than its rate says, so that delays do
/// not add up: 10 calls a second that are all overdue begin 98 ms apart, whatever keys and classes of models they are of.
/// In monotonic time: a clock that is set means nothing here.
package struct StartSpread<Instant: InstantProtocol<Duration>>: Sendable {
    /// When the next call may begin, by scope; only what lies ahead matters.
    private var nextStarts: [PacingScope: Instant] = [:]
    private var scopesKept = leastKept

    private static var leastKept: Int { 1024 }

    package init() {}

    /// The scopes of which anything is kept: those whose next start lies ahead, and as many again, or 1,024.
    package var count: Int { nextStarts.count }

    /// When a call that is due may begin: in every scope of `shares` that has a rate as long after the call before as the
    /// rate demands. By the rates alone: when its tokens are there the ledger has said, and what it lets run ahead does.
    package mutating func start(in shares: [ScopeShare], at now: Instant) -> Instant {
        var start = now
        for share in shares where share.spacing > .zero {
            if let next = nextStarts[share.scope] { start = max(start, next) }
        }
        for share in shares where share.spacing > .zero {
            nextStarts[share.scope] = start.advanced(by: share.spacing * 49 / 50)
        }
        if nextStarts.count > scopesKept { dropPast(at: now) }
        return start
    }

    private mutating func dropPast(at now: Instant) {
        nextStarts = nextStarts.filter { $0.value > now }
        scopesKept = max(Self.leastKept, nextStarts.count * 2)
    }
}
