/// Slows the whole provider down when it is overloaded.
///
/// A rest for everybody: from the second overload in a row on as long as it asks; if it does not ask, from the third on
/// 0.25 s, doubling with each further one to 8 s. A success ends the row. And a window of calls in flight (AIMD): when about a third of the
/// answers are overloads, it shrinks to 0.7 of what was in flight, at most once a second; each window of successes
/// lets it grow by one call, until it limits nothing.
///
/// The calls that were overloaded back off by themselves; an overload now and then is no reason to hold up the others.
package struct OverloadBrake: Sendable {
    package static let shortest = Duration.milliseconds(250)
    package static let longest = Duration.seconds(8)
    /// No upstream is given more rest than this, whatever it asks.
    package static let askedLimit = Duration.seconds(600)

    /// Overloads in a row that cost nothing.
    package static let tolerated = 2
    /// The same of those that ask for a rest.
    private static let toleratedAsking = 1
    /// The share of overloads among the answers, the last sixteen or so, that shrinks the window.
    package static let cutShare = 0.3
    private static let cutFactor = 0.7
    private static let cutPause = Duration.seconds(1)

    private var inRow = 0
    private var rest: (from: Timestamp, until: Timestamp)?
    private var share = 0.0
    private var window: Double?
    private var cutAt: Timestamp?
    /// What was in flight when the window began to limit.
    private var peak = 0.0

    package init() {}

    /// Until when nothing should be sent; nil for now.
    package func rests(at now: Timestamp) -> Timestamp? {
        rest.flatMap { now < $0.until ? $0.until : nil }
    }

    /// After a clock was set back to before a rest began, the rest begins again: none is as much longer as the clock went.
    package mutating func rebase(at now: Timestamp) {
        guard let rest, now < rest.from else { return }
        self.rest = (now, now.advanced(by: rest.until.duration(since: rest.from)))
    }

    /// How many more calls may be in flight.
    package func room(beside inFlight: Int) -> Int {
        window.map { max(0, Int($0) - inFlight) } ?? .max
    }

    /// Calls that may be in flight at the same time; nil for any number.
    package var limit: Int? { window.map { Int($0) } }

    /// Overloads reported during a rest belong to the calls that caused it: they do not double it.
    /// - Parameter inFlight: the calls under way, this one included.
    package mutating func overloaded(retryAfter: Duration?, inFlight: Int = 1, at now: Timestamp) {
        rebase(at: now)
        share += (1 - share) / 16
        shrink(inFlight, at: now)
        if rests(at: now) == nil { inRow += 1 }
        guard let wanted = retryAfter == nil ? ownRest : retryAfter.flatMap(askedRest) else { return }
        let until = now.advanced(by: wanted)
        if rest.map({ $0.until < until }) ?? true { rest = (now, until) }
    }

    private mutating func shrink(_ inFlight: Int, at now: Timestamp) {
        guard share > Self.cutShare else { return }
        if let cutAt, now < cutAt.advanced(by: Self.cutPause), now >= cutAt { return }
        cutAt = now
        if window == nil { peak = Double(max(inFlight, 1)) }
        window = max(1, min(window ?? .infinity, Double(max(inFlight, 1))) * Self.cutFactor)
    }

    private func askedRest(_ asked: Duration) -> Duration? {
        inRow > Self.toleratedAsking ? min(asked, Self.askedLimit) : nil
    }

    private var ownRest: Duration? {
        guard inRow > Self.tolerated else { return nil }
        return min(Self.shortest * (1 << min(inRow - Self.tolerated - 1, 10)), Self.longest)
    }

    /// Ends the row.
    package mutating func succeeded() {
        inRow = 0
        share -= share / 16
        guard let window else { return }
        let grown = window + 1 / window
        self.window = grown > peak * 2 ? nil : grown
    }
}
