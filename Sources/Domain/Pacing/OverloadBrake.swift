/// A rest for the whole provider after an overload: as long as it asks; else, from the third overload in a row on,
/// 0.25 s, doubling with each further one to 8 s. A success ends the row.
///
/// The calls that were overloaded back off by themselves; an overload now and then is no reason to hold up the others.
package struct OverloadBrake: Sendable {
    package static let shortest = Duration.milliseconds(250)
    package static let longest = Duration.seconds(8)
    /// No upstream is given more rest than this, whatever it asks.
    package static let askedLimit = Duration.seconds(600)

    /// Overloads in a row that cost nothing.
    package static let tolerated = 2

    private var inRow = 0
    private var restsUntil: Timestamp?

    package init() {}

    /// Until when nothing should be sent; nil for now.
    package func rests(at now: Timestamp) -> Timestamp? {
        restsUntil.flatMap { now < $0 ? $0 : nil }
    }

    /// Overloads reported during a rest belong to the calls that caused it: they do not double it.
    package mutating func overloaded(retryAfter: Duration?, at now: Timestamp) {
        if rests(at: now) == nil { inRow += 1 }
        guard let rest = retryAfter.map({ min($0, Self.askedLimit) }) ?? ownRest else { return }
        let until = now.advanced(by: rest)
        restsUntil = max(until, restsUntil ?? until)
    }

    private var ownRest: Duration? {
        guard inRow > Self.tolerated else { return nil }
        return min(Self.shortest * (1 << min(inRow - Self.tolerated - 1, 10)), Self.longest)
    }

    /// Ends the row.
    package mutating func succeeded() {
        inRow = 0
    }
}
