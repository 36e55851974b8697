/// Start slots that a process has taken from a scope's ledger: `count` of them, `spacing` apart.
package struct SlotBlock: Hashable, Sendable {
    /// When the first slot begins.
    package let first: Timestamp
    /// From one slot to the next; zero for an unlimited scope.
    package let spacing: Duration
    /// At least 1.
    package let count: Int

    package init(first: Timestamp, spacing: Duration, count: Int) {
        self.first = first
        self.spacing = spacing
        self.count = count
    }

    /// When the slot number `index` (from 0) begins.
    package func start(of index: Int) -> Timestamp {
        first.advanced(by: spacing * index)
    }
}
