/// For which class of models a worker asks permits next: those with due jobs take turns, and one that has nothing left
/// holds up no other.
package struct ClassTurns: Sendable {
    /// A class that has nothing left is asked about again after this time at the latest: limits change, clocks too.
    package static let longestRest = Duration.seconds(1)

    private struct Record: Sendable {
        /// The latest seen: estimates are kept by model.
        var model: String
        /// Of the bodies of those that were started last, on average; nil before the first.
        var bytes: Int?
        /// The round in which it was served last.
        var round = 0
        var restsUntil: Timestamp?
    }

    private var records: [ModelClass: Record] = [:]
    private var round = 0

    package init() {}

    /// Those of `due` that may have something left, the one served longest ago first.
    package mutating func order(of due: [ModelClass], at now: Timestamp) -> [ModelClass] {
        records = records.filter { due.contains($0.key) }
        return due.filter { wait(of: $0, at: now) == nil }.sorted {
            (records[$0]?.round ?? 0) < (records[$1]?.round ?? 0)
        }
    }

    /// What is asked for on behalf of a job of this class.
    package func demand(for models: ModelClass) -> CallDemand {
        CallDemand(.batch, model: records[models]?.model ?? models.exampleModel, bytes: records[models]?.bytes)
    }

    /// There is nothing left of `models` for `wait`; nil: not known for how long.
    package mutating func spent(_ models: ModelClass, for wait: Duration?, at now: Timestamp) {
        let rest = min(wait ?? Self.longestRest, Self.longestRest)
        records[models, default: Record(model: models.exampleModel)].restsUntil = now.advanced(by: rest)
    }

    /// `models` has had its turn; jobs for `claimed` were started.
    /// - Parameter bytes: of all their bodies.
    package mutating func served(_ models: ModelClass, with claimed: [String], bytes: Int = 0) {
        round += 1
        var record = records[models] ?? Record(model: models.exampleModel)
        record.round = round
        record.restsUntil = nil
        if let latest = claimed.last(where: { ModelClass(model: $0) == models }) { record.model = latest }
        if !claimed.isEmpty, bytes > 0 { record.bytes = bytes / claimed.count }
        records[models] = record
    }

    /// How long until one of `due` may have something left; more than nothing.
    package func rest(of due: [ModelClass], at now: Timestamp) -> Duration {
        let waits = due.map { wait(of: $0, at: now) ?? .zero }
        return max(waits.min() ?? Self.longestRest, .milliseconds(1))
    }

    /// nil if it does not rest. A rest that is longer than any was set before the clock.
    private func wait(of models: ModelClass, at now: Timestamp) -> Duration? {
        guard let end = records[models]?.restsUntil, end > now else { return nil }
        let left = end.duration(since: now)
        return left <= Self.longestRest ? left : nil
    }
}
