/// Start slots that a process has taken from the ledger: `count` of them, `spacing` apart, allowed by each of the scopes.
package struct SlotBlock: Hashable, Sendable {
    /// When the first slot begins.
    package let first: Timestamp
    /// From one slot to the next; zero where nothing limits starts.
    package let spacing: Duration
    /// At least 1.
    package let count: Int
    /// What each scope has booked for it, in the order of the demands.
    package let shares: [ScopeShare]

    package init(first: Timestamp, spacing: Duration, count: Int, shares: [ScopeShare] = []) {
        self.first = first
        self.spacing = spacing
        self.count = count
        self.shares = shares
    }

    /// When the slot number `index` (from 0) begins.
    package func start(of index: Int) -> Timestamp {
        first.advanced(by: spacing * index)
    }

    /// The number of the slot that begins at `start`; the last one if several do.
    package func index(of start: Timestamp) -> Int {
        guard spacing > .zero else { return count - 1 }
        return min(max(Int(start.duration(since: first).microseconds / spacing.microseconds), 0), count - 1)
    }
}

/// What one scope has booked for a ``SlotBlock``.
package struct ScopeShare: Hashable, Sendable {
    package let scope: PacingScope
    /// Between starts, by this scope's rate alone.
    package let spacing: Duration
    package let input: TokenShare?
    package let output: TokenShare?
    /// Whether each slot counts as a call in flight until it is given back or settled.
    package let countsCalls: Bool

    package init(
        scope: PacingScope, spacing: Duration, input: TokenShare? = nil, output: TokenShare? = nil,
        countsCalls: Bool = false
    ) {
        self.scope = scope
        self.spacing = spacing
        self.input = input
        self.output = output
        self.countsCalls = countsCalls
    }

    /// Whether there is anything to correct once the usage of a call is known.
    package var mustSettle: Bool { input != nil || output != nil || countsCalls }
}

/// Tokens of one kind that were booked for each slot of a block.
package struct TokenShare: Hashable, Sendable {
    /// Until when the scope's tokens were spent before the block.
    package let before: Timestamp
    package let rate: TokenRate
    /// For each slot.
    package let tokens: Int
    /// What the scope had been credited in all until then.
    package let credited: Duration

    package init(before: Timestamp, rate: TokenRate, tokens: Int, credited: Duration = .zero) {
        self.credited = credited
        self.before = before
        self.rate = rate
        self.tokens = tokens
    }

    /// When the tokens of slot `index` of `block` have flowed off, first come, first served.
    package func end(of index: Int, in block: SlotBlock) -> Timestamp {
        let each = rate.time(for: tokens)
        return max(before.advanced(by: each * (index + 1)), block.start(of: index).advanced(by: each))
    }
}
