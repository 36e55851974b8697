import Domain
import Queue
import TestSupport
import Testing

/// Racing callers against one budget, through the stores as they are.
struct BudgetRaceTests {
    @Test(arguments: StoreUnderTest.all, [UInt64(1), 2, 3])
    func `64 racing callers never overspend and leave nothing reserved`(
        _ backEnd: StoreUnderTest, seed: UInt64
    ) async throws {
        try await backEnd.run { world in
            let limit = 20_000
            try await world.setBudget(money: limit)
            let charged = try await withThrowingTaskGroup(of: Int.self) { group in
                for caller in 0..<64 {
                    group.addTask { try await Self.race(caller, seed, limit: limit, in: world) }
                }
                return try await group.reduce(0, +)
            }
            #expect(try await world.standing() == [charged, 0])
            #expect(charged <= limit)
            #expect(charged > 0)
            if let store = world.store as? SQLiteJobStore { #expect(try await store.problems().isEmpty) }
        }
    }

    /// One caller's rounds of calls and jobs. - Returns: what they were charged.
    private static func race(_ caller: Int, _ seed: UInt64, limit: Int, in world: World) async throws -> Int {
        var random = SeededGenerator(seed: seed * 1000 + UInt64(caller))
        var charged = 0
        for round in 0..<6 {
            let reserved = Int.random(in: 1...1500, using: &random)
            let cost = Int.random(in: 0...reserved, using: &random)
            let demand = BudgetAmount(tokens: 1, money: Money(microdollars: reserved))
            if Bool.random(using: &random) {
                charged += try await call("\(caller)/\(round)", demand, cost, in: world)
            } else {
                charged += try await job(demand, cost, in: world)
            }
            let (spent, held) = try await (world.standing()[0], world.standing()[1])
            #expect(spent <= limit && held >= 0 && held <= limit)
            let entry = try await world.day()
            #expect((entry.spent + entry.reserved).money.microdollars <= limit)
        }
        return charged
    }

    private static func call(_ id: String, _ demand: BudgetAmount, _ cost: Int, in world: World) async throws -> Int {
        guard try await world.store.reserveCall(world.call(id, demand), at: world.now) == .reserved else { return 0 }
        try await world.endCall(id, costing: cost)
        return cost
    }

    /// Cancelled, or worked by whoever claims it: everybody charges what its body says.
    private static func job(_ demand: BudgetAmount, _ cost: Int, in world: World) async throws -> Int {
        let base = NewJob.sample(at: world.now)
        let job = NewJob(
            id: base.id, tenant: base.tenant, body: Array("\(cost)".utf8), headers: [], model: "claude-test",
            createdAt: world.now, runAt: world.now, demand: demand)
        guard case .accepted = try await world.store.submit([job]).first else { return 0 }
        if cost.isMultiple(of: 5) {
            let outcome = try await world.store.cancel(job.id, of: .sample(), at: world.now)
            if outcome == .canceled { return 0 }
        }
        var charged = 0
        while let claim = try await world.claim(1).first {
            let money = Int(String(decoding: claim.body, as: UTF8.self)) ?? 0
            try await world.settle(claim.lease, .ended(.succeeded, .sample()), costing: money)
            charged += money
        }
        return charged
    }
}
