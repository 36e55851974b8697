/// What a process knows of pacing scopes without asking the ledger: pauses and the limits that the provider has reported.
///
/// It spares calls that nothing limits a look into the ledger, and lets them heed what other processes have met.
package struct StandingBook: Sendable {
    private var pauses: [PacingScope: Timestamp] = [:]
    private var limits: [PacingScope: PacingLimits] = [:]
    /// When the ledger was last told of a scope's limits by this process.
    private var told: [PacingScope: Timestamp] = [:]
    /// What the ledger is told may take so long to get there.
    private static let writingTime = Duration.seconds(2)

    package init() {}

    package func learned(_ scope: PacingScope) -> PacingLimits {
        limits[scope] ?? .none
    }

    /// Until when calls of `key` to `models` are paused; nil if they are not.
    package func pause(of key: UpstreamKey, _ models: ModelClass?, at now: Timestamp) -> Timestamp? {
        key.scopes(of: models).compactMap { pauses[$0] }.filter { $0 > now }.max()
    }

    package mutating func pause(_ scope: PacingScope, until: Timestamp) {
        pauses[scope] = max(until, pauses[scope] ?? until)
    }

    /// - Returns: whether the ledger should be told: the limits are new, or it has not been told for a while (it forgets what
    ///   is not repeated), or the provider says that little is left.
    package mutating func learn(_ report: RateLimitReport, of scope: PacingScope, at now: Timestamp) -> Bool {
        let isNew = limits[scope] != report.limits
        limits[scope] = report.limits
        let isLow = [report.requests, report.input, report.output].contains {
            $0.map { $0.goesOn(at: now) > now } ?? false
        }
        let isFresh = told[scope].map { $0 <= now && now < $0.advanced(by: LearnedLimits.freshness) } ?? false
        guard isNew || isLow || !isFresh else { return false }
        told[scope] = now
        return true
    }

    /// Takes over what the ledger says, of this process and all others. Pauses that only a clock which was set back explains
    /// become as long as any may be.
    /// - Parameter now: when the ledger was asked: what has been learned since then, or right before, it may not know.
    package mutating func merge(_ standing: [ScopeStanding], at now: Timestamp) {
        let latest = now.advanced(by: ScopePacing.maxPause)
        pauses = pauses.filter { $0.value > now }.mapValues { min($0, latest) }
        let newer = limits.filter { told[$0.key].map { now <= $0.advanced(by: Self.writingTime) } ?? false }
        limits = [:]
        for entry in standing {
            if entry.pausedUntil > now { pause(entry.scope, until: entry.pausedUntil) }
            if !entry.learned.isNone { limits[entry.scope] = entry.learned }
        }
        limits.merge(newer) { $1 }
        told = told.filter { limits[$0.key] != nil }
    }
}

/// Which of the usable keys to ask first.
package enum KeyOrder {
    /// With a prefix, the organizations in the order of their weight for it, so that calls that share it meet one prompt
    /// cache; within one, and without a prefix, as given. A key that has nothing left passes the call to the next: no
    /// prefix can overload its organization.
    package static func of(_ keys: [UpstreamKey], for prefix: UInt64?) -> [UpstreamKey] {
        guard let prefix, keys.count > 1 else { return keys }
        return keys.enumerated().map { index, key in
            (key: key, weight: Rendezvous.weight(of: key.organization, for: prefix), index: index)
        }.sorted { ($1.weight, $0.index) < ($0.weight, $1.index) }.map(\.key)
    }
}
