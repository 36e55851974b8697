/// Spreads out again the calls of one process that wake late, together, after it has stalled.
///
/// The ledger spaces starts in wall time; a process that stood still meanwhile finds many of them due at once. Here each
/// scope that the calls share keeps when its next call may begin, a little sooner than its rate says, so that delays do
/// not add up: 10 calls a second that are all overdue begin 98 ms apart, whatever keys and classes of models they are of.
/// In monotonic time: a clock that is set means nothing here.
package struct StartSpread<Instant: InstantProtocol<Duration>>: Sendable {
    /// What a call has taken in one scope.
    package struct Place: Sendable {
        let scope: PacingScope
        fileprivate let before: Next?
        fileprivate let after: Next
    }

    fileprivate struct Next: Hashable, Sendable {
        let instant: Instant
        /// By which rate the calls before it were spaced.
        let spacing: Duration
    }

    /// When the next call may begin, by scope; only what lies ahead matters.
    private var nexts: [PacingScope: Next] = [:]
    private var scopesKept = leastKept

    private static var leastKept: Int { 1024 }

    package init() {}

    /// The scopes of which anything is kept: those whose next start lies ahead, and as many again, or 1,024.
    package var count: Int { nexts.count }

    /// When a call that is due may begin: in every scope of `shares` that has a rate as long after the call before as the
    /// rate demands. By the rates alone: when its tokens are there the ledger has said, and what it lets run ahead does.
    /// - Returns: that, and what to tell ``giveBack(_:)`` if the call is not sent.
    package mutating func start(in shares: [ScopeShare], at now: Instant) -> (instant: Instant, places: [Place]) {
        let paced = shares.filter { $0.spacing > .zero }
        let start = paced.reduce(now) { max($0, next(in: $1, at: now)) }
        let places = paced.map { share in
            let next = Next(instant: start.advanced(by: share.spacing * 49 / 50), spacing: share.spacing)
            return Place(scope: share.scope, before: nexts.updateValue(next, forKey: share.scope), after: next)
        }
        if nexts.count > scopesKept { dropPast(at: now) }
        return (start, places)
    }

    /// A call that was not sent leaves no gap, unless another has taken the place after it.
    package mutating func giveBack(_ places: [Place]) {
        for place in places where nexts[place.scope] == place.after { nexts[place.scope] = place.before }
    }

    /// What waits by a rate that has been raised since waits so much less.
    private func next(in share: ScopeShare, at now: Instant) -> Instant {
        guard let next = nexts[share.scope], next.instant > now else { return now }
        guard share.spacing < next.spacing else { return next.instant }
        return now.advanced(by: now.duration(to: next.instant) * (share.spacing / next.spacing))
    }

    private mutating func dropPast(at now: Instant) {
        nexts = nexts.filter { $0.value.instant > now }
        scopesKept = max(Self.leastKept, nexts.count * 2)
    }
}
