/// A rest for the whole provider after an overload: as long as it asks, else 0.25 s, doubling with each overload in a row
/// to 8 s. A success ends the row.
package struct OverloadBrake: Sendable {
    package static let shortest = Duration.milliseconds(250)
    package static let longest = Duration.seconds(8)
    /// No upstream is given more rest than this, whatever it asks.
    package static let askedLimit = Duration.seconds(600)

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
        let own = min(Self.shortest * (1 << min(inRow - 1, 10)), Self.longest)
        let until = now.advanced(by: retryAfter.map { min($0, Self.askedLimit) } ?? own)
        restsUntil = max(until, restsUntil ?? until)
    }

    package mutating func succeeded() {
        inRow = 0
    }
}
