/// Until when a client must have sent more of a body, or taken more of an answer. Times are any clock's, as passed in.
///
/// It begins with `grace`. Each byte gives it the time that the byte takes at the least rate, but never more than `grace`
/// ahead: a quick start buys no hours of single bytes. So a body of n bytes is read in `grace` + n / `rate` at most, and
/// two pieces are never more than `grace` apart. At 1,024 B/s with 60 s: one byte a minute ends after 60.06 s, 32 MiB may
/// take 9.1 h.
package struct BodyPace: Hashable, Sendable {
    private let grace: Duration
    private let rate: Int
    private var lastArrival: Duration
    /// When the client will be late if nothing more comes.
    package private(set) var due: Duration

    /// - Parameters:
    ///   - grace: more than zero.
    ///   - rate: bytes/s; 0: each piece, however small, gives `grace` anew.
    package init(grace: Duration, rate: Int, beganAt now: Duration) {
        precondition(grace > .zero && rate >= 0, "a grace above zero and a rate of 0 or more")
        self.grace = grace
        self.rate = rate
        lastArrival = now
        due = now + grace
    }

    /// Whether the client, when it is late, has sent too little for its time; if not, it has sent nothing for `grace`.
    package var isSlow: Bool { due < lastArrival + grace }

    /// - Parameter bytes: of the body itself, without what frames it.
    package mutating func arrived(bytes: Int, at now: Duration) {
        lastArrival = now
        due = rate == 0 ? now + grace : min(due + .seconds(Double(bytes) / Double(rate)), now + grace)
    }

    /// A time in which nobody read is not the client's.
    package mutating func excuse(_ time: Duration) {
        lastArrival += time
        due += time
    }
}
