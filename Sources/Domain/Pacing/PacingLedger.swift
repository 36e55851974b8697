/// The one book of what each pacing scope has spent, shared by all processes of a store.
///
/// Losing it costs at most a moment of stricter or laxer pacing, never a job; so it may be stored without syncing.
package protocol PacingLedger: Sendable {
    /// Takes the next free start slots of `scope`.
    /// - Parameters:
    ///   - limit: 1 or more; fewer may be given (a block is short in time, so that a killed process strands little).
    ///   - rate: what the scope allows.
    ///   - horizon: take no slot that begins later than this after `now`.
    /// - Returns: the slots, or when to ask again if none begins before the horizon.
    func takeSlots(
        of scope: PacingScope, limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration
    ) async throws -> SlotOffer

    /// Gives back the last `count` slots of `block`, if nobody has taken any after them.
    func returnSlots(_ count: Int, of block: SlotBlock, scope: PacingScope) async throws

    /// Closes `scope` until `until` (a `retry-after`); never shortens a pause that is longer.
    func pause(_ scope: PacingScope, until: Timestamp) async throws
}

/// What a ledger answers.
package enum SlotOffer: Hashable, Sendable {
    case slots(SlotBlock)
    /// The scope is spent or paused: the next slot begins at this instant.
    case none(until: Timestamp)
}

/// What shares one limit. Today a key; with organizations and model classes, those.
package struct PacingScope: Hashable, Sendable {
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package static func key(_ id: String) -> PacingScope {
        PacingScope(name: "key:\(id)")
    }
}

/// A limit on starts per second, spaced evenly.
package struct PacingRate: Hashable, Sendable {
    /// More than 0 and at most 100,000.
    package let requestsPerSecond: Double

    /// nil outside the range.
    package init?(requestsPerSecond: Double) {
        guard requestsPerSecond > 0, requestsPerSecond <= 100_000 else { return nil }
        self.requestsPerSecond = requestsPerSecond
    }

    /// The time from one start to the next: 5/s → 200 ms. At most a year.
    package var spacing: Duration {
        .microseconds(Int64(min(1_000_000 / requestsPerSecond, 31_536_000_000_000).rounded(.up)))
    }
}
