/// Limits that the provider has reported.
package struct LearnedLimits: Hashable, Sendable {
    package let limits: PacingLimits
    /// When they were last reported.
    package let at: Timestamp

    /// For so long they hold without being reported again.
    package static let life = Duration.seconds(3600)
    /// They are written anew only after this time, if they are the same.
    static let freshness = Duration.seconds(60)

    package init(limits: PacingLimits, at: Timestamp) {
        self.limits = limits
        self.at = at
    }
}

/// Calls in flight of one process.
package struct CallHold: Hashable, Sendable {
    package let holder: String
    package var count: Int
    /// The process must say by then that it still lives; else its calls are over.
    package var until: Timestamp

    /// From one sign of life.
    package static let life = Duration.seconds(60)

    package init(holder: String, count: Int, until: Timestamp) {
        self.holder = holder
        self.count = count
        self.until = until
    }
}

extension ScopePacing {
    mutating func hold(_ count: Int, by holder: String, at now: Timestamp) {
        let until = now.advanced(by: CallHold.life)
        if let index = holds.firstIndex(where: { $0.holder == holder }) {
            holds[index].count = max(0, holds[index].count + count)
            holds[index].until = max(holds[index].until, until)
        } else if count > 0 {
            holds.append(CallHold(holder: holder, count: count, until: until))
        }
    }

    /// `holder` lives and has `count` calls in flight, whatever was written of it. Changes nothing if that is written, so that
    /// asking again and again costs no writes.
    package mutating func restate(_ count: Int, by holder: String, at now: Timestamp) {
        if let hold = holds.first(where: { $0.holder == holder }) {
            guard hold.count != count || hold.until <= now else { return }
        } else if count == 0 {
            return
        }
        holds.removeAll { $0.holder == holder }
        if count > 0 { holds.append(CallHold(holder: holder, count: count, until: now.advanced(by: CallHold.life))) }
    }

    /// `holder` lives: its calls stay counted.
    package mutating func renew(_ holder: String, at now: Timestamp) {
        guard let index = holds.firstIndex(where: { $0.holder == holder }) else { return }
        holds[index].until = now.advanced(by: CallHold.life)
    }

    /// Gives back the last `count` slots of `block`: the starts if nobody has taken any after them, the tokens as far as
    /// they have not flowed off. Of a whole block the place is free from its first slot on: what was taken before it has been
    /// forgotten, and that may be close (where another scope, tokens or the jobs' share keep the block's slots further apart
    /// than this scope's rate does).
    package mutating func giveBack(
        _ count: Int, of block: SlotBlock, _ share: ScopeShare, by holder: String, at now: Timestamp
    ) {
        let count = min(max(count, 0), block.count)
        guard count > 0 else { return }
        let final = block.start(of: block.count - 1)
        if share.spacing > .zero, nextFree == final.advanced(by: share.spacing) {
            let kept = block.count - count
            nextFree = kept == 0 ? block.first : block.start(of: kept - 1).advanced(by: share.spacing)
            batchFree = min(batchFree, max(nextFree, block.first))
        }
        let left = block.start(of: max(block.count - count - 1, 0))
        if input.lastStart == final { input.lastStart = left }
        if output.lastStart == final { output.lastStart = left }
        for index in ((block.count - count)..<block.count).reversed() {
            if let input = share.input { credit(\.input, input, index, of: block, used: 0, at: now) }
            if let output = share.output { credit(\.output, output, index, of: block, used: 0, at: now) }
        }
        if share.countsCalls { hold(-count, by: holder, at: now) }
    }

    /// The call of slot `index` is over and has cost `cost`; nil if that is not known: then what was booked stands.
    package mutating func settle(
        _ index: Int, of block: SlotBlock, _ share: ScopeShare, cost: TokenCost?, by holder: String, at now: Timestamp
    ) {
        if share.countsCalls { hold(-1, by: holder, at: now) }
        guard let cost else { return }
        if let input = share.input { credit(\.input, input, index, of: block, used: cost.input, at: now) }
        if let output = share.output { credit(\.output, output, index, of: block, used: cost.output, at: now) }
    }

    /// Corrects what was booked to what was used. Only what has not flowed off yet can be used again: crediting more
    /// would let a window hold more than its limit. What was credited since may have let it flow off earlier; and before
    /// the last start nothing can be won, because tokens that are not there yet cannot take the free place.
    private mutating func credit(
        _ flow: WritableKeyPath<ScopePacing, TokenFlow>, _ share: TokenShare, _ index: Int, of block: SlotBlock,
        used: Int, at now: Timestamp
    ) {
        if used > share.tokens {
            let from = max(self[keyPath: flow].until, now)
            self[keyPath: flow].hold(until: from.advanced(by: share.rate.time(for: used - share.tokens)), at: now)
        } else if used < share.tokens {
            let since = self[keyPath: flow].credited - share.credited
            let from = max(now, self[keyPath: flow].lastStart)
            let waiting = share.end(of: index, in: block).duration(since: from) - since
            let credit = min(share.rate.time(for: share.tokens - used), waiting)
            guard credit > .zero else { return }
            self[keyPath: flow].until = self[keyPath: flow].until.advanced(by: .zero - credit)
            self[keyPath: flow].credited += credit
        }
    }

    /// Takes over what the provider reports: its limits, and that less is left than this ledger thinks (others may use
    /// the same organization). What was used before limits were known is not: their burst is then taken as spent.
    package mutating func learn(_ report: RateLimitReport, burst: Duration, at now: Timestamp) {
        let isNew = learned?.limits != report.limits
        if isNew || learned.map({ now.duration(since: $0.at) >= LearnedLimits.freshness }) ?? true {
            learned = LearnedLimits(limits: report.limits, at: now)
        }
        if let reading = report.requests { nextFree = max(nextFree, reading.goesOn(at: now)) }
        for (reading, flow) in [(report.input, \ScopePacing.input), (report.output, \ScopePacing.output)] {
            guard let goesOn = reading?.goesOn(at: now), isNew || goesOn > now else { continue }
            self[keyPath: flow].hold(until: goesOn.advanced(by: burst), at: now)
        }
    }
}

extension ScopePacing {
    /// nil if there is nothing that a process must know which takes no slots here.
    package func standing(of scope: PacingScope, at now: Timestamp) -> ScopeStanding? {
        let learned = learned.flatMap { now < $0.at.advanced(by: LearnedLimits.life) ? $0.limits : nil } ?? .none
        let pause = min(pausedUntil, now.advanced(by: Self.maxPause))
        guard pause > now || !learned.isNone else { return nil }
        return ScopeStanding(scope: scope, pausedUntil: pause, learned: learned)
    }
}
