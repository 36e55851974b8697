import Domain
import TestSupport
import Testing

/// A clock that is set, and what is left of the book when slots go back.
struct PacingClockTests {
    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)
    private static let back = [Duration.seconds(60), .seconds(3600)]

    private func take(
        _ states: inout [ScopePacing], _ limits: [PacingLimits], input: Int = 0, _ urgency: Urgency = .batch,
        limit: Int = 1, burst: Duration = .zero, horizon: Duration = .zero, at now: Timestamp
    ) -> SlotOffer {
        let demands = limits.enumerated().map { ScopeDemand(scope: .key("k\($0)"), limits: $1) }
        var style = PacingStyle()
        style.tokenBurst = burst
        return SlotRequest(
            demands, limit: limit, cost: TokenCost(input: input, output: 0), urgency: urgency, horizon: horizon,
            holder: "p", style: style
        ).take(from: &states, at: now)
    }

    private func tokens(perSecond: Double) -> PacingLimits {
        PacingLimits(input: TokenRate(tokensPerMinute: perSecond * 60))
    }

    private func wait(_ offer: SlotOffer, since now: Timestamp) -> Duration {
        switch offer {
        case .slots(let block): block.first.duration(since: now)
        case .none(let until): until.duration(since: now)
        }
    }

    @Test(arguments: back)
    func `a clock set back stops tokens for no longer than starts`(_ back: Duration) {
        var states = [ScopePacing()]
        let limits = [tokens(perSecond: 1)]
        _ = take(&states, limits, input: 3, at: Self.start)
        let now = Self.start.advanced(by: .zero - back)
        let after = wait(take(&states, limits, input: 1, at: now), since: now)
        #expect(after == ScopePacing.maxHorizon + .seconds(3))
    }

    @Test(arguments: back)
    func `nor do what a report or a dear call has added, whenever the last call began`(_ back: Duration) throws {
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-input-tokens-limit", "60000"),
                HeaderField("anthropic-ratelimit-input-tokens-remaining", "0"),
                HeaderField("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:01:00Z"),
            ]))
        var reported = [ScopePacing()]
        reported[0].learn(report, burst: .zero, at: Self.start)
        let now = Self.start.advanced(by: .zero - back)
        #expect(wait(take(&reported, [.none], at: now), since: now) <= ScopePacing.maxHorizon + .seconds(1))
        var states = [ScopePacing()]
        let limits = [tokens(perSecond: 1)]
        guard case .slots(let block) = take(&states, limits, input: 1, at: Self.start) else { throw Missing.slots }
        let end = Self.start.advanced(by: back * 2)
        states[0].settle(0, of: block, block.shares[0], cost: TokenCost(input: 5, output: 0), by: "p", at: end)
        let later = end.advanced(by: .zero - back)
        let after = wait(take(&states, limits, input: 1, at: later), since: later)
        #expect(after <= ScopePacing.maxHorizon + .seconds(4))
    }

    @Test func `what is credited after the clock was set back is what had not flowed off by then`() throws {
        var states = [ScopePacing()]
        let limits = [tokens(perSecond: 1)]
        guard case .slots(let early) = take(&states, limits, input: 5, at: Self.start) else { throw Missing.slots }
        let later = Self.start.advanced(by: .seconds(100))
        guard case .slots(let late) = take(&states, limits, input: 5, at: later) else { throw Missing.slots }
        let now = later.advanced(by: .seconds(-3600))
        _ = take(&states, limits, input: 1, at: now)  // looks at the book
        let before = states[0]
        states[0].settle(0, of: early, early.shares[0], cost: .nothing, by: "p", at: now)
        #expect(states[0] == before, "it had flowed off long before")
        states[0].settle(0, of: late, late.shares[0], cost: .nothing, by: "p", at: now)
        #expect(before.input.until.duration(since: states[0].input.until) == .seconds(5))
    }

    @Test func `limits that were reported and the calls in flight outlast a clock set back, a ramp begins anew`() throws
    {
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-requests-limit", "60"),
                HeaderField("anthropic-ratelimit-requests-remaining", "60"),
            ]))
        var states = [ScopePacing()]
        states[0].learn(report, burst: .zero, at: Self.start)
        states[0].slowDown(at: Self.start)
        let limits = [PacingLimits(concurrency: 2)]
        _ = take(&states, limits, at: Self.start)
        let now = Self.start.advanced(by: .seconds(-3600))
        _ = take(&states, limits, horizon: ScopePacing.maxHorizon, at: now)
        #expect(states[0].learnedLimits == report.limits)
        #expect(states[0].holds.map(\.count) == [1])
        #expect(states[0].rampFrom == now)
    }

    @Test func `a whole block given back leaves no room before it`() throws {
        var states = [ScopePacing(), ScopePacing()]
        let limits = [
            PacingLimits(rate: PacingRate(requestsPerSecond: 1)), tokens(perSecond: 1),
        ]
        func slots(_ offer: SlotOffer) throws -> SlotBlock {
            guard case .slots(let block) = offer else { throw Missing.slots }
            return block
        }
        let burst = Duration.seconds(10)
        _ = try slots(take(&states, limits, input: 5, burst: burst, at: Self.start))
        let now = Self.start.advanced(by: .milliseconds(200))
        let block = try slots(take(&states, limits, input: 5, burst: burst, horizon: .seconds(1), at: now))
        #expect(block.first == Self.start.advanced(by: .seconds(1)))
        for (place, share) in block.shares.enumerated() {
            states[place].giveBack(1, of: block, share, by: "p", at: now)
        }
        let next = try slots(take(&states, limits, input: 5, burst: burst, horizon: .seconds(1), at: now))
        #expect(next.first == Self.start.advanced(by: .seconds(1)))
    }

    @Test func `a part of a block that is given back leaves room one spacing of the rate after what was kept`() throws {
        var states = [ScopePacing()]
        let limits = [
            PacingLimits(
                rate: PacingRate(requestsPerSecond: 1), input: TokenRate(tokensPerMinute: 60))
        ]
        let offer = take(&states, limits, input: 2, limit: 3, burst: .seconds(9), horizon: .seconds(9), at: Self.start)
        guard case .slots(let block) = offer else { throw Missing.slots }
        #expect(block.count == 3 && block.spacing == .seconds(2))
        states[0].giveBack(2, of: block, block.shares[0], by: "p", at: Self.start)
        #expect(states[0].nextFree == Self.start.advanced(by: .seconds(1)))
    }

    @Test func `the ledger is told again of limits that each answer repeats`() throws {
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-requests-limit", "60"),
                HeaderField("anthropic-ratelimit-requests-remaining", "60"),
            ]))
        var book = StandingBook()
        var pacing = ScopePacing()
        let scope = PacingScope.key("k")
        var told = 0
        for second in stride(from: 0, through: 3 * 3600, by: 10) {
            let now = Self.start.advanced(by: .seconds(second))
            book.merge(pacing.standing(of: scope, at: now).map { [$0] } ?? [], at: now)
            #expect(second == 0 || book.learned(scope) == report.limits, "after \(second) s")
            guard book.learn(report, of: scope, at: now) else { continue }
            told += 1
            pacing.learn(report, burst: .zero, at: now)
        }
        #expect((180...182).contains(told))
    }

    @Test func `what was learned while the ledger was asked is kept until it knows`() throws {
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-requests-limit", "60"),
                HeaderField("anthropic-ratelimit-requests-remaining", "60"),
            ]))
        var book = StandingBook()
        let mustTell = book.learn(report, of: .key("k"), at: Self.start.advanced(by: .milliseconds(5)))
        book.merge([], at: Self.start)
        #expect(mustTell && book.learned(.key("k")) == report.limits)
        book.merge([], at: Self.start.advanced(by: .seconds(3)))
        #expect(book.learned(.key("k")) == .none, "another process has heard otherwise")
    }

    @Test func `what is told again spends no burst`() throws {
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-input-tokens-limit", "60000"),
                HeaderField("anthropic-ratelimit-input-tokens-remaining", "60000"),
            ]))
        var pacing = ScopePacing()
        pacing.learn(report, burst: .seconds(10), at: Self.start)
        #expect(pacing.input.until == Self.start.advanced(by: .seconds(10)), "who knows what was used before")
        pacing.learn(report, burst: .seconds(10), at: Self.start.advanced(by: .seconds(100)))
        #expect(pacing.input.until == Self.start.advanced(by: .seconds(10)))
    }

    @Test func `a pause and a rest are no longer than they may be after the clock was set back`() throws {
        var book = StandingBook()
        let key = UpstreamKey(id: "k", organization: "o", secret: Secret("s"), rate: nil)
        book.pause(.key("k"), until: Self.start)
        var pacing = ScopePacing()
        pacing.pause(until: Self.start)
        var brake = OverloadBrake()
        for _ in 0..<2 {
            brake.overloaded(retryAfter: .seconds(5), at: Self.start)
        }
        let now = Self.start.advanced(by: .seconds(-3600))
        brake.rebase(at: now)
        #expect(brake.rests(at: now) == now.advanced(by: .seconds(5)))
        book.merge([], at: now)
        pacing.clampPause(at: now)
        let latest = now.advanced(by: ScopePacing.maxPause)
        #expect(book.pause(of: key, nil, at: now) == latest && pacing.pausedUntil == latest)
        // Once is enough: the end does not move on with the time.
        book.merge([], at: now.advanced(by: .seconds(60)))
        #expect(book.pause(of: key, nil, at: now.advanced(by: .seconds(60))) == latest)
    }

    private enum Missing: Error { case slots }
}
