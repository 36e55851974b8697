import Domain
import TestSupport
import Testing

struct PacingSlotsTests {
    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)

    /// Takers, returns, pauses and a clock that mostly goes on, in a random order.
    @Test(arguments: UInt64(0)..<200)
    func `slots are never closer than the spacing, never past, never in a pause`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let rate = try #require(PacingRate(requestsPerSecond: Double.random(in: 0.5...20_000, using: &random)))
        var pacing = ScopePacing()
        var now = Self.start
        var taken: [Timestamp] = []
        for _ in 0..<200 {
            now = now.advanced(by: .microseconds(Int.random(in: 0...200_000, using: &random)))
            if Int.random(in: 0..<10, using: &random) == 0 {
                let before = pacing.pausedUntil
                pacing.pause(until: now.advanced(by: .milliseconds(Int.random(in: -100...300, using: &random))))
                #expect(pacing.pausedUntil >= before, "seed \(seed)")
            }
            let limit = Int.random(in: 1...8, using: &random)
            let horizon = Duration.milliseconds(Int.random(in: 0...500, using: &random))
            switch pacing.take(limit, rate: rate, at: now, horizon: horizon) {
            case .none(let until):
                #expect(until > now.advanced(by: horizon), "seed \(seed)")
            case .slots(let block):
                let starts = (0..<block.count).map(block.start)
                #expect(block.count >= 1 && block.count <= limit, "seed \(seed)")
                #expect(starts.allSatisfy { $0 >= now && $0 >= pacing.pausedUntil }, "seed \(seed)")
                #expect(starts.allSatisfy { $0 <= now.advanced(by: horizon) }, "seed \(seed)")
                let unused = Int.random(in: 0...block.count, using: &random)
                pacing.giveBack(unused, of: block)
                taken += starts.dropLast(unused)
            }
        }
        for (earlier, later) in zip(taken, taken.dropFirst()) {
            #expect(later.duration(since: earlier) >= rate.spacing, "seed \(seed)")
        }
    }

    @Test func `a long rest earns no burst`() throws {
        let rate = try #require(PacingRate(requestsPerSecond: 5))
        var pacing = ScopePacing()
        _ = pacing.take(1, rate: rate, at: Self.start, horizon: .seconds(1))
        let later = Self.start.advanced(by: .seconds(3600))
        #expect(
            pacing.take(3, rate: rate, at: later, horizon: .zero)
                == .slots(
                    SlotBlock(
                        first: later, spacing: .milliseconds(200), count: 1,
                        shares: [ScopeShare(scope: .key("k"), spacing: .milliseconds(200))])))
        #expect(
            pacing.take(1, rate: rate, at: later, horizon: .zero)
                == .none(until: later.advanced(by: .milliseconds(200))))
    }

    /// In real time, `elapsed` counts on whatever the wall clock shows.
    @Test(arguments: [1, 1000, 3_600_000])
    func `a clock set back neither stalls long nor allows a burst`(backMilliseconds: Int) throws {
        let rate = try #require(PacingRate(requestsPerSecond: 10))
        let horizon = Duration.milliseconds(250)
        let back = Duration.milliseconds(backMilliseconds)
        var pacing = ScopePacing()
        guard case .slots(let before) = pacing.take(9, rate: rate, at: Self.start, horizon: horizon) else {
            Issue.record("no slots at first")
            return
        }
        let lastReal = before.start(of: before.count - 1).duration(since: Self.start)
        var elapsed = Duration.zero
        while true {
            let now = Self.start.advanced(by: elapsed - back)
            guard case .slots(let block) = pacing.take(1, rate: rate, at: now, horizon: horizon) else {
                elapsed += .milliseconds(10)
                continue
            }
            let firstReal = elapsed + block.first.duration(since: now)
            #expect(firstReal - lastReal >= rate.spacing)
            let stall = min(back, ScopePacing.maxHorizon) + horizon + rate.spacing * 2 + .milliseconds(10)
            #expect(firstReal <= stall)
            return
        }
    }

    @Test func `slots go back only while they are the last`() throws {
        let rate = try #require(PacingRate(requestsPerSecond: 10))
        var pacing = ScopePacing()
        guard case .slots(let first) = pacing.take(2, rate: rate, at: Self.start, horizon: .seconds(1)),
            case .slots(let second) = pacing.take(2, rate: rate, at: Self.start, horizon: .seconds(1))
        else {
            Issue.record("no slots")
            return
        }
        let full = pacing
        pacing.giveBack(1, of: first)
        #expect(pacing == full)
        pacing.giveBack(9, of: second)
        #expect(pacing.nextFree == second.first)
        pacing.giveBack(1, of: second)
        #expect(pacing.nextFree == second.first)
    }

    @Test func `the slowest and the fastest rate have a spacing`() throws {
        #expect(try #require(PacingRate(requestsPerSecond: .leastNonzeroMagnitude)).spacing == .seconds(31_536_000))
        #expect(try #require(PacingRate(requestsPerSecond: 100_000)).spacing == .microseconds(10))
        #expect(try #require(PacingRate(requestsPerSecond: 3)).spacing == .microseconds(333_334))
        #expect(PacingRate(requestsPerSecond: 0) == nil && PacingRate(requestsPerSecond: .nan) == nil)
    }
}

extension ScopePacing {
    /// Slots of this scope alone, for jobs.
    fileprivate mutating func take(_ limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration) -> SlotOffer {
        var states = [self]
        defer { self = states[0] }
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(rate: rate))
        return SlotRequest([demand], limit: limit, horizon: horizon).take(from: &states, at: now)
    }

    fileprivate mutating func giveBack(_ count: Int, of block: SlotBlock) {
        giveBack(count, of: block, block.shares[0], by: "p", at: block.first)
    }
}
