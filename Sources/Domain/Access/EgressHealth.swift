/// What the calls over one path have shown lately.
///
/// `passing` → `tripped` after 5 faults within 30 s, if they are at least half of what came over it, or all that came in two
/// seconds or more (a path that has just gone silent), or after 5 in a row that took longer than that → 30 s later `probing`:
/// it gets back a tenth of its keys, growing to all of them within 60 s; a fault in that time trips it again for twice as
/// long, up to 10 minutes.
struct EgressHealth: Sendable {
    static let faultLimit = 5
    static let window = Duration.seconds(30)
    static let firstRest = Duration.seconds(30)
    static let longestRest = Duration.seconds(600)
    static let readmission = Duration.seconds(60)
    private static let firstShare = 0.1

    private struct Second: Sendable {
        let number: Int64
        var faults = 0
        var answers = 0
    }

    private var seconds: [Second] = []
    /// Faults of calls since the last answer to one, and when the first of them came. A probe that passes is no answer: what
    /// swallows long requests may let it through.
    private var faultsInRow = 0
    private var rowBegan: Timestamp?
    /// Whether the last that is known of it is a fault.
    private(set) var isSuspect = false
    private var rest = Self.firstRest
    /// Whether a call was answered since it was last tripped.
    private var hasAnswered = true
    private(set) var trippedAt: Timestamp?
    private(set) var trippedUntil: Timestamp?

    /// The share of its keys that the path may take: 0 while it rests, 1 when it passes.
    func share(at now: Timestamp) -> Double {
        guard let until = trippedUntil else { return 1 }
        guard now >= until else { return 0 }
        let grown = now.duration(since: until).seconds / Self.readmission.seconds
        return min(1, max(Self.firstShare, grown))
    }

    /// Faults that come from requests begun before the path was tripped add nothing.
    mutating func faulted(byProbe: Bool = false, at now: Timestamp) {
        settle(at: now)
        isSuspect = true
        if let until = trippedUntil {
            if now >= until { trip(at: now, for: min(rest * 2, Self.longestRest)) }
            return
        }
        count(at: now) { $0.faults += 1 }
        if !byProbe {
            faultsInRow += 1
            rowBegan = rowBegan ?? now
        }
        guard isMostlyFaulty || isSilent || isDead(at: now) else { return }
        trip(at: now, for: hasAnswered ? Self.firstRest : min(rest * 2, Self.longestRest))
    }

    private var isMostlyFaulty: Bool {
        let faults = seconds.reduce(0) { $0 + $1.faults }
        return faults >= Self.faultLimit && faults >= seconds.reduce(0) { $0 + $1.answers }
    }

    /// One event (a connection that breaks under many calls) is over within a second; a silent path is not.
    private var isSilent: Bool {
        let latest = seconds.reversed().prefix { $0.answers == 0 }
        return latest.count >= 2 && latest.reduce(0) { $0 + $1.faults } >= Self.faultLimit
    }

    /// Few calls, each of which waits long for nothing, never meet in one window.
    private func isDead(at now: Timestamp) -> Bool {
        guard faultsInRow >= Self.faultLimit, let rowBegan else { return false }
        return now.duration(since: rowBegan) >= Self.window
    }

    mutating func answered(at now: Timestamp) {
        settle(at: now)
        (faultsInRow, rowBegan, isSuspect, hasAnswered) = (0, nil, false, true)
        if trippedUntil == nil { count(at: now) { $0.answers += 1 } }
    }

    /// A probe has shown that it works: its rest is over, its readmission begins.
    mutating func probed(at now: Timestamp) {
        settle(at: now)
        isSuspect = false
        if let until = trippedUntil, now < until { trippedUntil = now }
    }

    private mutating func trip(at now: Timestamp, for duration: Duration) {
        rest = duration
        trippedAt = now
        trippedUntil = now.advanced(by: duration)
        (seconds, hasAnswered) = ([], false)
    }

    /// Readmitted as a whole, it has a clean record, but for the length of its next rest, until a call is answered.
    private mutating func settle(at now: Timestamp) {
        guard let until = trippedUntil else { return }
        if now >= until.advanced(by: Self.readmission) {
            (trippedAt, trippedUntil) = (nil, nil)
            if hasAnswered { rest = Self.firstRest }
        } else if now < until.advanced(by: .zero - Self.longestRest) {
            trippedUntil = now  // only a clock that was set back explains a longer rest
        }
    }

    private mutating func count(at now: Timestamp, _ change: (inout Second) -> Void) {
        let number = now.microseconds / 1_000_000
        let oldest = number - Int64(Self.window.seconds)
        seconds.removeAll { $0.number <= oldest || $0.number > number }
        if seconds.last?.number != number { seconds.append(Second(number: number)) }
        change(&seconds[seconds.count - 1])
    }
}
