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

    private static let calls = PacingScope.organization("o", .other)

    private func take(
        _ limit: Int, of ledger: any PacingLedger, by holder: String, at now: Timestamp
    ) async throws -> SlotBlock? {
        let demand = ScopeDemand(scope: Self.calls, limits: PacingLimits(concurrency: 20))
        let request = SlotRequest([demand], limit: limit, horizon: .zero, holder: holder)
        guard case .slots(let block) = try await ledger.takeSlots(request, at: now) else { return nil }
        return block
    }

    @Test func `calls that ended while the ledger could not be written are not in flight for ever`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/pacing.sqlite"
            let (ledger, other) = (try SQLitePacingLedger.open(at: path), try SQLitePacingLedger.open(at: path))
            let now = ManualClock().timestamp
            let block = try #require(await take(20, of: ledger, by: "p", at: now))
            let file = try SQLiteConnection(path: path)
            try file.script("ALTER TABLE holds RENAME TO lost")
            for slot in 0..<20 {
                await #expect(throws: (any Error).self) {
                    try await ledger.settle(slot, of: block, cost: nil, by: "p", at: now)
                }
            }
            try file.script("ALTER TABLE lost RENAME TO holds")
            #expect(try await take(1, of: other, by: "q", at: now) == nil, "nobody has told the file")
            try await ledger.renew("p", at: now)
            #expect(try await take(20, of: other, by: "q", at: now)?.count == 20)
        }
    }

    @Test func `who takes slots says first what it really has in flight`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/pacing.sqlite"
            let ledger = try SQLitePacingLedger.open(at: path)
            let now = ManualClock().timestamp
            let block = try #require(await take(20, of: ledger, by: "p", at: now))
            try await ledger.returnSlots(5, of: block, by: "p", at: now)
            let file = try SQLiteConnection(path: path)
            try file.script("UPDATE holds SET count = 20")
            #expect(try await take(20, of: ledger, by: "p", at: now)?.count == 5)
            try file.script("DELETE FROM holds")
            #expect(try await take(1, of: ledger, by: "p", at: now) == nil)
        }
    }

    @Test(arguments: [false, true], [Duration.seconds(3600), .seconds(61), .seconds(-3600), .seconds(-180)])
    func `a clock that is set forgets no call in flight, and none that ends then ends another`(
        isStored: Bool, step: Duration
    ) async throws {
        try await withTemporaryFolder { folder in
            let memory = MemoryPacingLedger()
            func open() throws -> any PacingLedger {
                isStored ? try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") : memory
            }
            let (first, second) = (try open(), try open())
            let now = ManualClock().timestamp
            let block = try #require(await take(12, of: first, by: "p", at: now))
            let later = now.advanced(by: step)
            #expect(try await take(20, of: first, by: "p", at: later)?.count == 8)
            #expect(try await take(1, of: second, by: "q", at: later) == nil)
            for slot in 0..<12 { try await first.settle(slot, of: block, cost: nil, by: "p", at: later) }
            #expect(try await take(20, of: second, by: "q", at: later)?.count == 12)
            #expect(try await take(1, of: first, by: "p", at: later) == nil)
        }
    }

    @Test func `a call outlasts many renewals`() async throws {
        try await withTemporaryFolder { folder in
            let ledger = try SQLitePacingLedger.open(at: folder + "/pacing.sqlite")
            let now = ManualClock().timestamp
            _ = try #require(await take(20, of: ledger, by: "p", at: now))
            var later = now
            for _ in 0..<40 {
                later = later.advanced(by: .seconds(50))
                try await ledger.renew("p", at: later)
                #expect(try await take(1, of: ledger, by: "q", at: later) == nil)
            }
            #expect(try await take(20, of: ledger, by: "q", at: later.advanced(by: .seconds(61)))?.count == 20)
        }
    }

    @Test func `no number of scopes at rest hides one that is paused`() async throws {
        try await withTemporaryFolder { folder in
            let ledger = try SQLitePacingLedger.open(at: folder + "/pacing.sqlite")
            let now = ManualClock().timestamp
            try await ledger.pause(.key("z"), until: now.advanced(by: .seconds(9)))
            let file = try SQLiteConnection(path: folder + "/pacing.sqlite")
            func flood(_ column: String) throws {
                try file.script(
                    """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500)
                    INSERT OR REPLACE INTO scopes SELECT 'a' || i, 0, 0, 0, 0, 0, 0, NULL,
                        \(column), NULL, 1, NULL, 0, 0, 0, 0 FROM n
                    """)
            }
            for learned in ["NULL", "\(now.microseconds)"] {
                try flood(learned)
                let standing = try await ledger.standing(at: now)
                #expect(standing.first?.scope == .key("z") && standing.count == (learned == "NULL" ? 1 : 10_000))
            }
        }
    }

    @Test(arguments: [false, true])
    func `a pause that a clock set back has left far ahead ends when any must`(isStored: Bool) async throws {
        try await withTemporaryFolder { folder in
            let ledger: any PacingLedger =
                isStored ? try SQLitePacingLedger.open(at: folder + "/pacing.sqlite") : MemoryPacingLedger()
            let now = ManualClock().timestamp
            try await ledger.pause(.key("k"), until: now.advanced(by: .seconds(3600)))
            for second in [0, 300] {
                let standing = try await ledger.standing(at: now.advanced(by: .seconds(second)))
                #expect(standing.map(\.pausedUntil) == [now.advanced(by: ScopePacing.maxPause)])
            }
        }
    }

    private enum Missing: Error { case slots }
}
