/// The slots that count as calls in flight and that each holder has in hand, by scope: what its holds in the ledger must say.
///
/// A ledger keeps it in memory, beside the book, for the processes that ask through it. Invariant: between two transactions
/// the count of a holder is that of the slots which its calls have and have neither settled nor given back. For the ledger
/// changes it in the order of its transactions: what was taken is added once the transaction is committed, what is over is
/// subtracted before it is written, whether or not that can be done. A failed write, or a clock that was set, leaves the
/// book wrong, never the count; and the book is set to the count, not moved by it, whenever the holder takes or ends
/// slots in a scope (``ScopePacing/restate(_:by:at:)``), and in all of its scopes when it is renewed.
package struct SlotsHeld: Sendable {
    private var counts: [String: [PacingScope: Int]] = [:]

    package init() {}

    package func count(of holder: String, in scope: PacingScope) -> Int {
        counts[holder]?[scope] ?? 0
    }

    /// Where `holder` has any.
    package func scopes(of holder: String) -> [PacingScope: Int] { counts[holder] ?? [:] }

    /// In the order of the demands of `request`.
    package func counts(for request: SlotRequest) -> [Int] {
        request.demands.map { count(of: request.holder, in: $0.scope) }
    }

    package mutating func took(_ block: SlotBlock, by holder: String) {
        add(block.count, of: block, to: holder)
    }

    /// `count` slots of `block` are over or were not used.
    package mutating func ended(_ count: Int, of block: SlotBlock, by holder: String) {
        add(-min(max(count, 0), block.count), of: block, to: holder)
    }

    private mutating func add(_ count: Int, of block: SlotBlock, to holder: String) {
        for share in block.shares where share.countsCalls {
            let sum = self.count(of: holder, in: share.scope) + count
            counts[holder, default: [:]][share.scope] = sum > 0 ? sum : nil
        }
        if counts[holder]?.isEmpty ?? false { counts[holder] = nil }
    }
}
