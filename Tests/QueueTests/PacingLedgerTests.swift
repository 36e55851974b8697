import Domain
import Queue
import TestSupport
import Testing

struct PacingLedgerTests {
    private let rate = PacingRate(requestsPerSecond: 100)

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
}
