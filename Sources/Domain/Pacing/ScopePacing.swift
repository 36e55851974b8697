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

    /// Takes up to `limit` (at least 1) slots that begin no later than `now + horizon`.
    package mutating func take(_ limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration) -> SlotOffer {
        let spacing = rate.spacing
        let last = now.advanced(by: max(horizon, .zero))
        // Nobody takes slots past the horizon. If they seem taken, the clock was set back: the real ones lie before
        // `last`, so going on one spacing after it neither crowds them nor waits as long as the clock went back.
        let free = min(nextFree, last.advanced(by: spacing))
        let first = max(now, free, pausedUntil)
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
