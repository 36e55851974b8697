/// What one scope has spent: start slots in a row, each at least one spacing after the one before (GCRA without burst).
///
/// Time that passed unused is not saved up: no slot begins before the present. With 5/s, asked for 3 at t = 1.00 s
/// after a long rest: 1.00, 1.20 and 1.40 s; asked again at once: from 1.60 s on.
package struct ScopePacing: Hashable, Sendable {
    /// The earliest instant at which the next slot may begin.
    package private(set) var nextFree: Timestamp
    /// No slot begins before this instant.
    package private(set) var pausedUntil: Timestamp

    package init(
        nextFree: Timestamp = Timestamp(microseconds: 0), pausedUntil: Timestamp = Timestamp(microseconds: 0)
    ) {
        self.nextFree = nextFree
        self.pausedUntil = pausedUntil
    }

    /// What no horizon exceeds, so that a slot which seems taken further ahead tells that the clock was set back.
    package static let maxHorizon = Duration.seconds(10)

    /// What no pause exceeds, whatever the clock does.
    package static let maxPause = Duration.seconds(600)

    /// Takes up to `limit` (at least 1) slots that begin no later than `now + horizon`.
    /// - Parameter horizon: from 0 to ``maxHorizon``; clamped.
    package mutating func take(_ limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration) -> SlotOffer {
        let spacing = rate.spacing
        let last = now.advanced(by: min(max(horizon, .zero), Self.maxHorizon))
        // After a clock was set back, the slots taken before lie within the longest horizon from now in real time:
        // going on one spacing after it neither crowds them nor waits as long as the clock went back.
        nextFree = min(nextFree, now.advanced(by: Self.maxHorizon + spacing))
        pausedUntil = min(pausedUntil, now.advanced(by: Self.maxPause))
        let first = max(now, nextFree, pausedUntil)
        guard first <= last else { return .none(until: first) }
        let room = Int(last.duration(since: first).microseconds / spacing.microseconds) + 1
        let block = SlotBlock(first: first, spacing: spacing, count: min(max(limit, 1), room))
        nextFree = block.start(of: block.count)
        return .slots(block)
    }

    /// Gives back the last `count` slots of `block`; has no effect once a later slot was taken.
    package mutating func giveBack(_ count: Int, of block: SlotBlock) {
        guard nextFree == block.start(of: block.count) else { return }
        nextFree = block.start(of: block.count - min(max(count, 0), block.count))
    }

    /// Never shortens a pause.
    package mutating func pause(until: Timestamp) {
        pausedUntil = max(pausedUntil, until)
    }
}
