import Domain
@testable import Queue
import TestSupport
import Testing

struct PacingLedgerTests {
    private let rate = PacingRate(requestsPerSecond: 100)

    private static let twoPerSecond = RateLimitReport([
        HeaderField("anthropic-ratelimit-requests-limit", "120"),
        HeaderField("anthropic-ratelimit-requests-remaining", "120"),
    ])

    private static func demand(_ scope: PacingScope, _ rate: PacingRate) -> ScopeDemand {
        ScopeDemand(scope: scope, limits: PacingLimits(rate: rate))
    }

    @Test func `processes that share the file never crowd their slots`() async throws {
        try await withTemporaryFolder { folder in
            let rate = try #require(rate)
            let now = ManualClock().timestamp
            let ledgers = try (0..<3).map { _ in try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") }
            let starts = try await withThrowingTaskGroup { group in
                for index in 0..<30 {
                    group.addTask {
                        let offer = try await ledgers[index % 3].takeSlots(
                            SlotRequest([Self.demand(.key("k"), rate)], limit: 2, horizon: .seconds(10)), at: now)
                        guard case .slots(let block) = offer else { return [Timestamp]() }
                        return (0..<block.count).map(block.start)
                    }
                }
                return try await group.reduce(into: [Timestamp]()) { $0 += $1 }.sorted()
            }
            #expect(starts == (0..<60).map { now.advanced(by: .milliseconds(10 * $0)) })
        }
    }

    @Test(arguments: [false, true])
    func `a ledger keeps scopes apart, pauses them and takes slots back`(isStored: Bool) async throws {
        try await withTemporaryFolder { folder in
            let rate = try #require(rate)
            let ledger: any PacingLedger =
                isStored ? try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") : MemoryPacingLedger()
            let now = ManualClock().timestamp
            func take(_ scope: PacingScope, _ limit: Int = 1) async throws -> SlotOffer {
                try await ledger.takeSlots(
                    SlotRequest([Self.demand(scope, rate)], limit: limit, horizon: .milliseconds(50)), at: now)
            }
            let spacing = Duration.milliseconds(10)
            let share = ScopeShare(scope: .key("a"), spacing: spacing)
            let block = SlotBlock(first: now, spacing: spacing, count: 6, shares: [share])
            #expect(try await take(.key("a"), 100) == .slots(block))
            #expect(try await take(.key("a")) == .none(until: now.advanced(by: .milliseconds(60))))
            try await ledger.returnSlots(2, of: block, by: "p", at: now)
            let returned = SlotBlock(
                first: now.advanced(by: .milliseconds(40)), spacing: spacing, count: 1, shares: [share])
            #expect(try await take(.key("a")) == .slots(returned))
            let until = now.advanced(by: .seconds(3))
            try await ledger.pause(.key("b"), until: until)
            try await ledger.pause(.key("b"), until: now)
            #expect(try await take(.key("b")) == .none(until: until))
            #expect(
                try await take(.key("c"))
                    == .slots(
                        SlotBlock(
                            first: now, spacing: spacing, count: 1,
                            shares: [ScopeShare(scope: .key("c"), spacing: spacing)])))
        }
    }

    @Test func `scopes that nobody has used for hours are forgotten, others are not`() async throws {
        try await withTemporaryFolder { folder in
            let ledger = try SQLitePacingLedger.open(at: folder + "/pacing.sqlite")
            let now = ManualClock().timestamp
            for name in ["old", "paused"] { try await ledger.pause(.key(name), until: now) }
            let later = now.advanced(by: .seconds(3 * 3600))
            try await ledger.pause(.key("paused"), until: later.advanced(by: .seconds(60)))
            try await ledger.renew("p", at: later)
            let file = try SQLiteConnection(path: folder + "/pacing.sqlite")
            #expect(try file.all("SELECT name FROM scopes") { $0.text(0) } == ["key:paused"])
        }
    }

    @Test(arguments: [false, true])
    func `a ledger counts tokens and calls in flight, settles them, and keeps what the provider reports`(
        isStored: Bool
    ) async throws {
        try await withTemporaryFolder { folder in
            let ledger: any PacingLedger =
                isStored ? try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") : MemoryPacingLedger()
            let now = ManualClock().timestamp
            let scope = PacingScope.organization("o", .other)
            let limits = PacingLimits(input: TokenRate(tokensPerMinute: 60_000), concurrency: 2)
            func take(_ limit: Int, at now: Timestamp, _ limits: PacingLimits = limits) async throws -> SlotOffer {
                try await ledger.takeSlots(
                    SlotRequest(
                        [ScopeDemand(scope: scope, limits: limits)], limit: limit,
                        cost: TokenCost(input: 4000, output: 1), horizon: .seconds(10), holder: "p"), at: now)
            }
            guard case .slots(let block) = try await take(9, at: now) else { throw Missing.slots }
            #expect(block.count == 2 && block.spacing == .seconds(4))
            #expect(try await take(1, at: now) == .none(until: now.advanced(by: ScopePacing.fullPause)))
            try await ledger.settle(1, of: block, cost: TokenCost(input: 1000, output: 1), by: "p", at: now)
            guard case .slots(let next) = try await take(1, at: now) else { throw Missing.slots }
            #expect(next.first == now)
            try await ledger.renew("p", at: now.advanced(by: .seconds(50)))
            #expect(try await take(1, at: now.advanced(by: .seconds(70))) != .slots(block))
            try await ledger.learn(try #require(Self.twoPerSecond), of: scope, burst: .zero, at: now)
            try await ledger.pause(.key("k"), until: now.advanced(by: .seconds(5)))
            let standing = try await ledger.standing(at: now)
            #expect(
                standing == [
                    ScopeStanding(
                        scope: .key("k"), pausedUntil: now.advanced(by: .seconds(5)), learned: PacingLimits.none),
                    ScopeStanding(
                        scope: scope, pausedUntil: Timestamp(microseconds: 0),
                        learned: PacingLimits(rate: PacingRate(requestsPerSecond: 2))),
                ])
            try await ledger.slowDown(scope, at: now.advanced(by: .seconds(200)))
            guard case .slots(let slow) = try await take(2, at: now.advanced(by: .seconds(200)), .none) else {
                throw Missing.slots
            }
            #expect(slow.spacing == .seconds(5))
        }
    }

    private enum Missing: Error { case slots }
}
