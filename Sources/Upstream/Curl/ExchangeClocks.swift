import Domain

/// The clocks of one exchange that libcurl does not keep: first byte, idle, total. The connect clock is libcurl's.
struct ExchangeClocks {
    private let timeouts: Timeouts
    private let total: ContinuousTicks?
    private var phase = Phase.connecting
    private var uploaded = 0
    /// The longest wait between two arrivals, those for our own reader left out; nil before the second.
    private(set) var longestGap: Duration?

    private enum Phase {
        case connecting
        case awaitingHead(since: ContinuousTicks)
        case receiving(since: ContinuousTicks)
        /// Our reader is the slow one.
        case paused
    }

    init(_ timeouts: Timeouts, at now: ContinuousTicks) {
        self.timeouts = timeouts
        self.total = timeouts.total.map(now.advanced(by:))
    }

    mutating func requestStarted(at now: ContinuousTicks) { phase = .awaitingHead(since: now) }
    mutating func headArrived(at now: ContinuousTicks) { phase = .receiving(since: now) }
    mutating func paused() { phase = .paused }

    mutating func bytesArrived(at now: ContinuousTicks) {
        if case .receiving(let since) = phase {
            longestGap = max(longestGap ?? .zero, now.since(since))
        }
        phase = .receiving(since: now)
    }

    /// When the next clock runs out; nil if none is running.
    var deadline: ContinuousTicks? {
        let current: ContinuousTicks? =
            switch phase {
            case .connecting, .paused: nil
            case .awaitingHead(let since): since.advanced(by: timeouts.firstByte)
            case .receiving(let since): since.advanced(by: timeouts.idle)
            }
        guard let current, let total else { return current ?? total }
        return min(current, total)
    }

    /// Which clock has run out, in words; nil if none has. The first-byte clock starts anew while the body moves.
    mutating func expired(at now: ContinuousTicks, uploaded: Int, of whole: Int) -> String? {
        guard let deadline, deadline <= now else { return nil }
        if let total, total <= now { return "the exchange took longer than its total timeout" }
        guard case .awaitingHead = phase else { return "no byte of the body arrived within the idle timeout" }
        if uploaded < whole, uploaded > self.uploaded {
            self.uploaded = uploaded
            phase = .awaitingHead(since: now)
            return nil
        }
        return "no answer began within the first-byte timeout"
    }
}

/// A reading of the monotonic clock, in nanoseconds. libcurl's timers need the real one, so this is not injected.
struct ContinuousTicks: Comparable, Sendable {
    let nanoseconds: Int64

    static func < (left: ContinuousTicks, right: ContinuousTicks) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Negative if `earlier` is later.
    func since(_ earlier: ContinuousTicks) -> Duration { .nanoseconds(nanoseconds - earlier.nanoseconds) }

    func advanced(by duration: Duration) -> ContinuousTicks {
        let (scaled, overflow) = duration.microseconds.multipliedReportingOverflow(by: 1000)
        let (sum, sumOverflow) = nanoseconds.addingReportingOverflow(overflow ? .max : scaled)
        return ContinuousTicks(nanoseconds: sumOverflow ? .max : sum)
    }
}
