/// What one scope has spent: GCRA, kept as instants.
///
/// Starts are evenly spaced, without burst. Time that passed unused is not saved up: no slot begins before the present.
/// With 5/s, asked for 3 at t = 1.00 s after a long rest: 1.00, 1.20 and 1.40 s; asked again at once: from 1.60 s on.
/// Tokens flow off evenly, too, but may run ahead by ``PacingStyle/tokenBurst``. So in no window of `w` seconds more than
/// `rate × w + 1` calls start, nor more tokens are booked than `rate × (w + burst)` and one call.
package struct ScopePacing: Hashable, Sendable {
    /// The earliest instant at which the next slot may begin.
    package var nextFree: Timestamp
    /// No slot begins before this instant.
    package var pausedUntil: Timestamp
    /// Of each kind, what was booked so far.
    package var input = TokenFlow()
    package var output = TokenFlow()
    /// The earliest instant for the next slot of a job while interactive calls have their share.
    package var batchFree = Timestamp(microseconds: 0)
    /// When an interactive call last took a slot.
    package var interactiveAt = Timestamp(microseconds: 0)
    /// From when on the rate grows; nil when it is whole.
    package var rampFrom: Timestamp?
    package var learned: LearnedLimits?
    package var holds: [CallHold] = []

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
    /// Tokens spent ahead of their flow never stop a scope for longer.
    package static let maxDebt = Duration.seconds(3600)
    /// When to ask again where as many calls are in flight as may be.
    package static let fullPause = Duration.milliseconds(20)
    /// Interactive calls keep their share for so long after the last of them.
    static let shareTime = Duration.seconds(60)
    /// A rest after which a ramp begins, if there is one; and how long one lasts that the provider has asked for.
    static let rampRest = Duration.seconds(60)
    static let askedRamp = Duration.seconds(30)
    private static let rampStart = 0.1

    /// The limits that the provider has reported lately.
    package var learnedLimits: PacingLimits { learned?.limits ?? .none }

    /// Never shortens a pause.
    package mutating func pause(until: Timestamp) {
        pausedUntil = max(pausedUntil, until)
    }

    /// After a clock was set back, no pause lasts longer than any may.
    package mutating func clampPause(at now: Timestamp) {
        pausedUntil = min(pausedUntil, now.advanced(by: Self.maxPause))
    }

    /// The provider finds that traffic has grown too fast: begin again small.
    package mutating func slowDown(at now: Timestamp) {
        rampFrom = now
    }

    /// After a clock was set back, the slots taken before lie within the longest horizon from now in real time: going on
    /// one spacing after it neither crowds them nor waits as long as the clock went back.
    mutating func rebase(under limits: PacingLimits, at now: Timestamp, style: PacingStyle) {
        let latest = now.advanced(by: Self.maxHorizon + spacing(under: limits, at: now, style: style))
        nextFree = min(nextFree, latest)
        batchFree = min(batchFree, latest)
    }

    /// Drops what is over, and mends what only a clock that was set back can explain.
    mutating func prepare(at now: Timestamp, style: PacingStyle) {
        clampPause(at: now)
        input.prepare(at: now)
        output.prepare(at: now)
        interactiveAt = min(interactiveAt, now.advanced(by: Self.maxHorizon))
        for index in holds.indices where holds[index].until > now.advanced(by: Self.maxHorizon + CallHold.life) {
            holds[index].until = now.advanced(by: CallHold.life)
        }
        holds.removeAll { $0.count <= 0 || $0.until <= now }
        if let known = learned {
            if known.at > now.advanced(by: .seconds(60)) { learned = LearnedLimits(limits: known.limits, at: now) }
            if known.at.advanced(by: LearnedLimits.life) <= now { learned = nil }
        }
        if let from = rampFrom, from > now { rampFrom = now }
        if style.rampUp > .zero, nextFree.advanced(by: Self.rampRest) < now { rampFrom = now }
        if let from = rampFrom, from.advanced(by: rampTime(style)) <= now { rampFrom = nil }
    }

    /// The earliest start under `limits`.
    func earliest(under limits: PacingLimits, _ request: SlotRequest, at now: Timestamp) -> Timestamp {
        var start = max(now, pausedUntil)
        if limits.rate != nil {
            start = max(start, nextFree)
            if request.urgency == .batch, sharesWithInteractive(at: now) { start = max(start, batchFree) }
        }
        // Jobs do not run ahead as far as interactive calls may, so that these find tokens.
        let ahead = Duration.zero - request.style.tokenBurst * (1 - reservedShare(request, at: now))
        if limits.input != nil { start = max(start, input.until.advanced(by: ahead)) }
        if limits.output != nil { start = max(start, output.until.advanced(by: ahead)) }
        return start
    }

    /// Calls that may still be begun: jobs leave interactive calls their share of those in flight.
    func room(under limits: PacingLimits, _ request: SlotRequest, at now: Timestamp) -> Int {
        guard let concurrency = limits.concurrency else { return .max }
        let reserved = Int((Double(concurrency) * reservedShare(request, at: now)).rounded(.up))
        return max(0, max(concurrency - reserved, 1) - holds.reduce(0) { $0 + $1.count })
    }

    /// An interactive call finds no room: its share is kept from now on. Noted once a second: it asks again soon.
    mutating func noteInterest(_ urgency: Urgency, at now: Timestamp) {
        if urgency == .interactive, interactiveAt.advanced(by: .seconds(1)) <= now { interactiveAt = now }
    }

    /// What part of the limits is not for this request.
    private func reservedShare(_ request: SlotRequest, at now: Timestamp) -> Double {
        request.urgency == .batch && sharesWithInteractive(at: now) ? request.style.interactiveShare : 0
    }

    func spacing(under limits: PacingLimits, at start: Timestamp, style: PacingStyle) -> Duration {
        guard let rate = limits.rate else { return .zero }
        guard let rampFrom else { return rate.spacing }
        let grown = start.duration(since: rampFrom).seconds / max(rampTime(style).seconds, 0.001)
        return .microseconds(
            Int64(Double(rate.spacing.microseconds) / min(1, max(Self.rampStart, grown))))
    }

    /// Between the starts of jobs: they leave interactive calls their share of the rate while there are any.
    func batchSpacing(_ spacing: Duration, _ urgency: Urgency, _ style: PacingStyle, at now: Timestamp) -> Duration {
        guard urgency == .batch, sharesWithInteractive(at: now) else { return spacing }
        return spacing / (1 - style.interactiveShare)
    }

    /// Books `count` slots, the last of which begins at `final`.
    mutating func book(
        _ count: Int, until final: Timestamp, spacing: Duration, under limits: PacingLimits, _ request: SlotRequest,
        scope: PacingScope
    ) -> ScopeShare {
        if limits.rate != nil { nextFree = final.advanced(by: spacing) }
        let isInteractive = request.urgency == .interactive
        if isInteractive { interactiveAt = max(interactiveAt, final) }
        if !isInteractive, limits.rate != nil {
            batchFree = final.advanced(by: spacing / (1 - request.style.interactiveShare))
        }
        let inputShare = limits.input.map {
            TokenShare(before: input.until, rate: $0, tokens: request.cost.input, credited: input.credited)
        }
        let outputShare = limits.output.map {
            TokenShare(before: output.until, rate: $0, tokens: request.cost.output, credited: output.credited)
        }
        if let inputShare { input.book(inputShare, count, until: final) }
        if let outputShare { output.book(outputShare, count, until: final) }
        if limits.concurrency != nil { hold(count, by: request.holder, at: final) }
        return ScopeShare(
            scope: scope, spacing: spacing, input: inputShare, output: outputShare,
            countsCalls: limits.concurrency != nil)
    }

    private func sharesWithInteractive(at now: Timestamp) -> Bool {
        now < interactiveAt.advanced(by: Self.shareTime)
    }

    private func rampTime(_ style: PacingStyle) -> Duration {
        style.rampUp > .zero ? style.rampUp : Self.askedRamp
    }
}

/// How far the tokens of one kind that were booked take to flow off.
package struct TokenFlow: Hashable, Sendable {
    package var until = Timestamp(microseconds: 0)
    /// What has been given back in all.
    package var credited = Duration.zero
    /// The start of the last slot that was booked, or when more was found to be spent, if that is later.
    package var lastStart = Timestamp(microseconds: 0)

    package init() {}

    mutating func book(_ share: TokenShare, _ count: Int, until final: Timestamp) {
        let each = share.rate.time(for: share.tokens)
        until = max(share.before.advanced(by: each * count), final.advanced(by: each))
        lastStart = final
    }

    /// Nothing begins before `until`, as is known since `now`.
    mutating func hold(until: Timestamp, at now: Timestamp) {
        guard until > self.until else { return }
        self.until = until
        lastStart = max(lastStart, now)
    }

    /// Mends what only a clock that was set back can explain: the last start lies within the longest horizon from now in
    /// real time, so what was booked flows off as far behind it as before. To what is credited later that is as if it
    /// had been credited: those tokens' ends come earlier by as much.
    mutating func prepare(at now: Timestamp) {
        let latest = now.advanced(by: ScopePacing.maxHorizon)
        let back = lastStart.duration(since: latest)
        if back > .zero {
            lastStart = latest
            until = until.advanced(by: .zero - back)
            credited += back
        }
        until = min(until, now.advanced(by: ScopePacing.maxDebt))
    }
}
