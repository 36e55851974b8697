/// How pressing a call is.
package enum Urgency: Hashable, Sendable {
    /// Somebody waits: it may book its start ahead of what jobs may take, up to ``ScopePacing/maxHorizon``.
    case interactive
    /// A job: it takes no start further ahead than a moment, and leaves interactive calls their share.
    case batch
}

/// How pacing is done, whatever the limits are.
package struct PacingStyle: Hashable, Sendable {
    /// Of each scope's rate, of its calls in flight and of the tokens that may run ahead, what jobs leave to interactive
    /// calls while there are any: 0..<1.
    package var interactiveShare = 0.1
    /// Tokens may run ahead of their even flow by what this time brings, so that a wrong guess does not stall what follows.
    package var tokenBurst = Duration.seconds(10)
    /// After a minute's rest a scope's rate grows from a tenth to the whole over this time. Zero: at once.
    package var rampUp = Duration.zero

    package init() {}
}

/// One scope that a call counts in, and what is allowed there by configuration.
package struct ScopeDemand: Hashable, Sendable {
    package let scope: PacingScope
    package let limits: PacingLimits

    package init(scope: PacingScope, limits: PacingLimits) {
        self.scope = scope
        self.limits = limits
    }
}

/// What is asked of a ledger: start slots that every one of `demands` allows.
package struct SlotRequest: Sendable {
    /// At least one, each of a scope of its own.
    package let demands: [ScopeDemand]
    /// Slots wanted, at least 1; fewer may be given (a block is short in time, so that a killed process strands little).
    package let limit: Int
    /// Of each call, estimated.
    package let cost: TokenCost
    package let urgency: Urgency
    /// No slot begins later than this after now. From 0 to ``ScopePacing/maxHorizon``; clamped.
    package let horizon: Duration
    /// Who holds the calls that are in flight: one name a process.
    package let holder: String
    package let style: PacingStyle

    package init(
        _ demands: [ScopeDemand], limit: Int, cost: TokenCost = .nothing, urgency: Urgency = .batch, horizon: Duration,
        holder: String = "", style: PacingStyle = PacingStyle()
    ) {
        self.demands = demands
        self.limit = max(1, limit)
        self.cost = cost
        self.urgency = urgency
        self.horizon = horizon
        self.holder = holder
        self.style = style
    }

    /// Takes the slots out of `states`, one for each demand in their order. Pure; ledgers call it in a transaction.
    /// - Parameter held: the holder's calls in flight in each scope; nil: what the states say of them holds.
    package func take(
        from states: inout [ScopePacing], holding held: [Int]? = nil, at now: Timestamp
    ) -> SlotOffer {
        for (index, count) in (held ?? []).enumerated() { states[index].restate(count, by: holder, at: now) }
        for index in states.indices { states[index].prepare(at: now, style: style) }
        let limits = zip(demands, states).map { $0.limits.stricter($1.learnedLimits) }
        for index in states.indices { states[index].rebase(under: limits[index], at: now, style: style) }
        let last = now.advanced(by: min(max(horizon, .zero), ScopePacing.maxHorizon))
        let first = zip(limits, states).map { $1.earliest(under: $0, self, at: now) }.reduce(now, max)
        guard first <= last else { return .none(until: first) }
        let room = zip(limits, states).map { $1.room(under: $0, self, at: now) }.min() ?? limit
        guard room > 0 else {
            for index in states.indices { states[index].noteInterest(urgency, at: now) }
            return .none(until: now.advanced(by: ScopePacing.fullPause))
        }
        let spacings = zip(limits, states).map { $1.spacing(under: $0, at: first, style: style) }
        let tokenSpacing = limits.map {
            max($0.input?.time(for: cost.input) ?? .zero, $0.output?.time(for: cost.output) ?? .zero)
        }
        let shared = zip(spacings, states).map { $1.batchSpacing($0, urgency, style, at: now) }
        let spacing = (shared + tokenSpacing).max() ?? .zero
        let inTime = spacing == .zero ? limit : Int(last.duration(since: first).microseconds / spacing.microseconds) + 1
        let count = min(limit, room, inTime)
        let final = first.advanced(by: spacing * (count - 1))
        let shares = demands.indices.map { index in
            states[index].book(
                count, until: final, spacing: spacings[index], under: limits[index], self, scope: demands[index].scope)
        }
        return .slots(SlotBlock(first: first, spacing: spacing, count: count, shares: shares))
    }
}
