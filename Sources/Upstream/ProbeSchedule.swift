import Domain

/// When each egress path is probed, and which are being probed: no path twice at a time, and so many in all. Those that
/// were probed longest ago go first, so that dead paths, which are due again at once, keep no other from its turn.
struct ProbeSchedule {
    /// Between probes of a path that has failed, and before the end of a tripped one's rest.
    static let retryPause = Duration.seconds(15)

    private let interval: Duration
    private let keepWarm: Duration
    private let limit: Int
    private var due: [String: Timestamp] = [:]
    private var begun: [String: Timestamp] = [:]
    private(set) var underWay: Set<String> = []

    /// - Parameters:
    ///   - interval: between two probes of a path that passes, ± 10 %; zero for none.
    ///   - keepWarm: what is the longest that nothing goes over a path in use; zero for as long as it likes.
    ///   - limit: probes at the same time, of all paths.
    init(interval: Duration, keepWarm: Duration, limit: Int) {
        self.interval = interval
        self.keepWarm = keepWarm
        self.limit = limit
    }

    /// The paths whose probe begins now; tell ``ended(_:)`` of each.
    mutating func begin(
        among standings: [EgressPool.Standing], at now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> [EgressPath] {
        forget(allBut: Set(standings.map(\.id)))
        for standing in standings where due[standing.id] == nil {
            // Processes that start together do not probe together.
            due[standing.id] = now.advanced(by: interval * Double.random(in: 0...1, using: &random))
        }
        let waiting = standings.filter { !underWay.contains($0.id) && isDue($0, at: now) }
        let longest = waiting.sorted { (lastBegun($0), $0.id) < (lastBegun($1), $1.id) }
        let beginning = longest.prefix(limit - underWay.count).map(\.path)
        for path in beginning {
            begun[path.id] = now
            due[path.id] = now.advanced(by: interval * Double.random(in: 0.9...1.1, using: &random))
            underWay.insert(path.id)
        }
        return beginning
    }

    mutating func ended(_ path: EgressPath) {
        underWay.remove(path.id)
    }

    private mutating func forget(allBut paths: Set<String>) {
        guard due.count > paths.count else { return }
        due = due.filter { paths.contains($0.key) }
        begun = begun.filter { paths.contains($0.key) }
    }

    /// Those that were never probed come first.
    private func lastBegun(_ standing: EgressPool.Standing) -> Timestamp {
        begun[standing.id] ?? Timestamp(microseconds: 0)
    }

    private func hasRested(_ standing: EgressPool.Standing, at now: Timestamp) -> Bool {
        let last = lastBegun(standing)
        return now < last || now >= last.advanced(by: Self.retryPause)
    }

    /// Or so far ahead that the clock must have been set back.
    private func isPast(_ due: Timestamp, at now: Timestamp) -> Bool {
        due <= now || due > now.advanced(by: interval * 1.1)
    }

    private func isDue(_ standing: EgressPool.Standing, at now: Timestamp) -> Bool {
        switch standing.state {
        case .out: false  // only an operator knows whether that has changed
        case .tripped(let until): until.duration(since: now) <= Self.retryPause
        case .passing where standing.isSuspect && hasRested(standing, at: now): true
        case .passing, .probing:
            (interval > .zero && isPast(due[standing.id] ?? now, at: now))
                || (keepWarm > .zero && standing.needsWarming(after: keepWarm, at: now))
        }
    }
}
