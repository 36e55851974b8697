import Domain
import Queue
import TestSupport
import Testing

/// Budgets of jobs: reserved when they come in, settled in the transaction that ends them.
struct TenantBudgetTests {
    @Test(arguments: StoreUnderTest.all)
    func `a job reserves when it comes in and spends what its answer says`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 2500)
            let outcomes = try await world.store.submit([world.budgeted(), world.budgeted(), world.budgeted()])
            guard case .refused(.budget(let refusal)) = outcomes[2] else { throw Unexpected(what: "\(outcomes)") }
            #expect(outcomes[0...1].allSatisfy { if case .accepted = $0 { true } else { false } })
            #expect(refusal.entry.reserved.money.microdollars == 2000 && refusal.measure == .money)
            #expect(try await world.standing() == [0, 2000])
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 300)
            #expect(try await world.standing() == [300, 1000])
            _ = try await world.submit(world.budgeted())
            #expect(try await world.standing() == [300, 2000])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `whatever ends a job that was not sent gives its reservation back`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 10_000)
            let canceled = try await world.submit(world.budgeted())
            _ = try await world.store.cancel(canceled, of: .sample(), at: world.now)
            #expect(try await world.standing() == [0, 0])
            let soon = world.now.advanced(by: .seconds(1))
            let late = NewJob.sample(at: world.now, deadline: soon)
            let job = NewJob(
                id: late.id, tenant: late.tenant, body: late.body, headers: [], model: "m", createdAt: world.now,
                runAt: world.now, deadline: soon, demand: World.demand)
            _ = try await world.submit(job)
            #expect(try await world.standing() == [0, 1000])
            world.clock.advance(by: .seconds(2))
            #expect(try await world.reap() == 1)
            #expect(try await world.standing() == [0, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a retry keeps the reservation and adds what its attempt has cost`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 10_000)
            _ = try await world.submit(world.budgeted())
            try await world.settle(world.claimOne(), .retry(at: world.now), costing: 70, verdict: "upstream_fault")
            #expect(try await world.standing() == [70, 1000])
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 200)
            #expect(try await world.standing() == [270, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what may have been billed and does not say counts, within what was reserved`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 10_000)
            _ = try await world.submit(world.budgeted())
            try await world.settle(
                world.claimOne(), .retry(at: world.now), costing: nil, maybeBilled: true, verdict: "upstream_fault")
            #expect(try await world.standing() == [0, 1000])
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 200)
            #expect(try await world.standing() == [400, 0])
            let lost = try await world.submit(world.budgeted())
            _ = try await world.claimOne()
            world.clock.advance(by: .seconds(31))
            #expect(try await world.reap(maxAttempts: 1) == 1)
            #expect(try await world.state(lost) == .errored)
            #expect(try await world.standing() == [1400, 0])
            let silent = try await world.submit(world.budgeted())
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: nil)
            #expect(try await world.state(silent) == .succeeded)
            #expect(try await world.standing() == [2400, 0])
            let refused = try await world.submit(world.budgeted())
            try await world.settle(
                world.claimOne(), .ended(.errored, .sample()), costing: nil, verdict: "client_fault")
            #expect(try await world.state(refused) == .errored)
            #expect(try await world.standing() == [2400, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a repeated key reserves nothing, and a refused job leaves its key free`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 1500)
            let first = world.budgeted(key: "a")
            #expect(try await world.store.submit([first]) == [.accepted(first.id)])
            #expect(try await world.store.submit([world.budgeted(key: "a")]) == [.existing(first.id)])
            #expect(try await world.standing() == [0, 1000])
            let outcomes = try await world.store.submit([world.budgeted(key: "b")])
            guard case .refused = outcomes.first else { throw Unexpected(what: "\(outcomes)") }
            try await world.setBudget(money: 9000)
            let again = world.budgeted(key: "b")
            #expect(try await world.store.submit([again]) == [.accepted(again.id)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a replay reserves what its job did`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 1500)
            let job = try await world.submit(world.budgeted())
            _ = try await world.store.cancel(job, of: .sample(), at: world.now)
            let replay = Replay(job, as: .sample(at: world.now))
            #expect(try await world.store.replay([replay], of: nil, at: world.now) == [.replayed(replay.newID)])
            #expect(try await world.standing() == [0, 1000])
            _ = try await world.store.cancel(replay.newID, of: .sample(), at: world.now)
            try await world.setBudget(money: 900)
            let outcomes = try await world.store.replay(
                [Replay(replay.newID, as: .sample(at: world.now))], of: nil, at: world.now)
            guard case .overLimit(.budget) = outcomes.first else { throw Unexpected(what: "\(outcomes)") }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a replay of a job from before the budget reserves what its body may cost`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            var jobs: [JobID] = []
            for _ in 0..<3 {
                jobs.append(try await world.submit(.sample(at: world.now, model: "claude-test")))
                _ = try await world.store.cancel(jobs[jobs.count - 1], of: .sample(), at: world.now)
            }
            let price = PriceList.sample.demand(of: "claude-test", NewJob.sampleBody)
            try #require(price.money > .zero)
            try await world.setBudget(money: 2 * price.money.microdollars)
            let replays = jobs.map { Replay($0, as: .sample(at: world.now)) }
            let outcomes = try await world.store.replay(replays, of: nil, pricedBy: .sample, at: world.now)
            #expect(outcomes[0...1] == [.replayed(replays[0].newID), .replayed(replays[1].newID)])
            guard case .overLimit(.budget) = outcomes[2] else { throw Unexpected(what: "\(outcomes)") }
            #expect(try await world.standing() == [0, 2 * price.money.microdollars])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a replay obeys the models and sizes that its tenant has now`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let job = try await world.submit(.sample(at: world.now, model: "claude-opus-4"))
            _ = try await world.store.cancel(job, of: .sample(), at: world.now)
            func replay(_ change: (inout TenantLimits) -> Void) async throws -> ReplayOutcome {
                var limits = TenantLimits()
                change(&limits)
                try await world.store.setLimits(limits, of: .sample(), at: world.now)
                let replay = Replay(job, as: .sample(at: world.now))
                return try await world.store.replay([replay], of: nil, at: world.now)[0]
            }
            let models = try #require(ModelAllowance(text: "claude-haiku-*"))
            #expect(try await replay { $0.models = models } == .overLimit(.modelNotAllowed("claude-opus-4", models)))
            let size = NewJob.sampleBody.count
            #expect(
                try await replay { $0.bodyBytes = size - 1 } == .overLimit(.tooLarge(bytes: size, limit: size - 1)))
            guard case .replayed = try await replay({ $0.bodyBytes = size }) else { throw Unexpected(what: "refused") }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what nobody has counted is refused under a budget, not taken for nothing`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            var random = SystemRandomNumberGenerator()
            let batch = NewBatch(
                id: .make(at: world.now, using: &random), tenant: .sample(), headers: [], createdAt: world.now,
                expiresAt: world.now.advanced(by: .seconds(60)))
            try await world.store.beginBatch(batch)
            func add(_ name: String, _ demand: BudgetAmount?) async throws {
                let item = BatchItem(
                    customID: try #require(CustomID(name)), job: .sample(at: world.now), body: NewJob.sampleBody,
                    model: "claude-test", demand: demand)
                _ = try await world.store.addToBatch(batch.id, [item], at: world.now)
            }
            try await add("a", nil)
            try await world.setBudget(money: 1_000_000)
            try await add("b", World.demand)
            let opening = try await world.store.openBatch(batch.id, idempotency: nil, at: world.now)
            guard case .refused(.uncounted) = opening else { throw Unexpected(what: "\(opening)") }
            #expect(try await world.store.submit([.sample(at: world.now)]) == [.refused(.uncounted)])
            #expect(try await world.standing() == [0, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `jobs that wait are limited, those of the same submission among them`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(queued: 2)
            let jobs = (0..<3).map { _ in world.budgeted() }
            let outcomes = try await world.store.submit(jobs)
            #expect(
                outcomes == [
                    .accepted(jobs[0].id), .accepted(jobs[1].id), .refused(.queueFull(queued: 2, limit: 2)),
                ])
            _ = try await world.claimOne()
            _ = try await world.submit(world.budgeted())
            let other = world.budgeted(tenant: .sample("other"))
            #expect(try await world.store.submit([other]) == [.accepted(other.id)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a batch is let in or refused as a whole, and its requests settle one by one`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 3500, queued: 4)
            func open(_ count: Int) async throws -> BatchOpening {
                var random = SystemRandomNumberGenerator()
                let batch = NewBatch(
                    id: .make(at: world.now, using: &random), tenant: .sample(), headers: [], createdAt: world.now,
                    expiresAt: world.now.advanced(by: .seconds(60)))
                try await world.store.beginBatch(batch)
                let items = (0..<count).compactMap { index in
                    CustomID("c\(index)").map {
                        BatchItem(
                            customID: $0, job: .sample(at: world.now), body: NewJob.sampleBody, model: "claude-test",
                            demand: World.demand)
                    }
                }
                _ = try await world.store.addToBatch(batch.id, items, at: world.now)
                return try await world.store.openBatch(batch.id, idempotency: nil, at: world.now)
            }
            guard case .refused(.budget) = try await open(4) else { throw Unexpected(what: "let in") }
            guard case .refused(.queueFull(0, 4)) = try await open(5) else { throw Unexpected(what: "let in") }
            #expect(try await world.standing() == [0, 0])
            guard case .opened(let batch) = try await open(3) else { throw Unexpected(what: "refused") }
            #expect(try await world.standing() == [0, 3000])
            guard case .refused(.queueFull(3, 4)) = try await open(2) else { throw Unexpected(what: "let in") }
            while try await world.store.advanceBatches(limit: 1, abandonedBefore: world.now, at: world.now) > 0 {}
            #expect(try await world.standing() == [0, 3000])
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 100)
            #expect(try await world.standing() == [100, 2000])
            _ = try await world.store.cancelBatch(batch.id, of: .sample(), at: world.now)
            while try await world.store.advanceBatches(limit: 1, abandonedBefore: world.now, at: world.now) > 0 {}
            #expect(try await world.standing() == [100, 0])
        }
    }

    @Test(arguments: [StoreUnderTest.sqlite])
    func `the limits of all tenants are told, however many there are`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let count = 10_001
            for slice in stride(from: 0, to: count, by: 1000) {
                try await withThrowingTaskGroup { group in
                    for number in slice..<min(slice + 1000, count) {
                        group.addTask { try await world.setBudget(queued: 1, of: .sample("t\(number)")) }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await world.store.limits().count == count)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a new budget counts what was used before, and limits are kept, listed and removed`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.submit(world.budgeted())
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 700)
            #expect(try await world.store.budget(of: .sample(), at: world.now).entries.isEmpty)
            _ = try await world.submit(world.budgeted())
            try await world.setBudget(money: 1500)
            #expect(try await world.standing() == [700, 0])
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 20)
            #expect(try await world.standing() == [720, 0], "it came in before the budget")
            var limits = TenantLimits()
            limits.requestsPerSecond = 2.5
            limits.models = ModelAllowance(text: "a*,b")
            limits.bodyBytes = 4096
            limits.concurrency = 3
            limits.budget.moneyPerMonth = Money(microdollars: 5)
            limits.budget.tokensPerMonth = 9
            try await world.store.setLimits(limits, of: .sample("new"), at: world.now)
            #expect(try await world.store.limits()[.sample("new")] == limits)
            #expect(try await world.store.limits().count == 2)
            try await world.store.setLimits(.none, of: .sample("new"), at: world.now)
            #expect(try await world.store.limits().keys.map(\.text) == ["acme"])
            _ = try await world.submit(world.budgeted(tenant: .sample("new")))
        }
    }
}
