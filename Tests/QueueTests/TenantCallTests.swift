import Domain
import Queue
import TestSupport
import Testing

/// Budgets of synchronous calls, and usage.
struct TenantCallTests {
    @Test(arguments: StoreUnderTest.all)
    func `a call reserves, and settles once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 1500)
            #expect(try await world.store.reserveCall(world.call("a"), at: world.now) == .reserved)
            guard case .refused(.budget) = try await world.store.reserveCall(world.call("b"), at: world.now) else {
                throw Unexpected(what: "let in")
            }
            #expect(try await world.standing() == [0, 1000])
            for _ in 0..<2 {
                try await world.endCall("a", costing: 400)
                #expect(try await world.standing() == [400, 0])
                #expect(try await world.store.usage(UsageQuery()).first?.counts.requests == 1)
            }
            #expect(try await world.store.reserveCall(world.call("c"), at: world.now) == .reserved)
            try await world.endCall("c", costing: nil, silent: 1)
            #expect(try await world.standing() == [1400, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `calls of a process that has vanished count as billed; one that lives keeps its own`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 9000)
            _ = try await world.store.reserveCall(world.call("a", holder: "dead"), at: world.now)
            _ = try await world.store.reserveCall(world.call("b", holder: "alive"), at: world.now)
            let other = NewCall(
                id: "free", tenant: .sample("other"), model: "m", demand: World.demand, holder: "p1", life: .seconds(60)
            )
            #expect(try await world.store.reserveCall(other, at: world.now) == .unlimited)
            world.clock.advance(by: .seconds(40))
            try await world.store.renewCalls(["a", "b"], of: "alive", for: .seconds(60), at: world.now)
            world.clock.advance(by: .seconds(30))
            #expect(try await world.reap() == 1)
            #expect(try await world.standing() == [1000, 1000])
            try await world.endCall("b", costing: 1)
            #expect(try await world.standing() == [1001, 0])
            let usage = try await world.store.usage(UsageQuery(by: [.key]))
            #expect(usage.map(\.key) == ["", "k1"] && usage.map(\.counts.maybeBilled) == [1, 0])
        }
    }

    /// A call that came in without a budget reserves nothing; it may end under one.
    @Test(arguments: StoreUnderTest.all)
    func `a budget counts what was let in before it and ends after it, once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.addUsage(costing: 100)
            #expect(try await world.store.budget(of: .sample(), at: world.now).entries.isEmpty)
            try await world.setBudget(money: 1300)
            #expect(try await world.standing() == [100, 0])
            try await world.addUsage(costing: 40)
            #expect(try await world.standing() == [140, 0])
            #expect(try await world.month().spent == BudgetAmount(tokens: 10, money: Money(microdollars: 140)))
            #expect(try await world.store.reserveCall(world.call("a"), at: world.now) == .reserved)
            #expect(try await world.standing() == [140, 1000])
            try await world.addUsage(costing: 200)
            try await world.endCall("a", costing: 1)
            #expect(try await world.standing() == [341, 0])
            guard case .refused(.budget) = try await world.store.reserveCall(world.call("b"), at: world.now) else {
                throw Unexpected(what: "let in")
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a budget that is taken away and set anew counts what was used meanwhile, once`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 5000)
            try await world.addUsage(costing: 10)
            #expect(try await world.store.reserveCall(world.call("a"), at: world.now) == .reserved)
            try await world.setBudget()
            try await world.addUsage(costing: 20)
            try await world.setBudget(money: 5000)
            #expect(try await world.standing() == [30, 1000])
            try await world.endCall("a", costing: 300)
            #expect(try await world.standing() == [330, 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `usage counts in the day in which it came up, and in no budget of another tenant`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.setBudget(money: 5000)
            let before = world.now
            world.clock.advance(by: .seconds(86_400))
            try await world.addUsage(costing: 70, at: before)
            try await world.addUsage(costing: 900, of: .sample("other"))
            #expect(try await world.standing() == [0, 0])
            let yesterday = try await world.store.budget(of: .sample(), at: before)
            #expect(yesterday[BudgetPeriod(.day, containing: before)].spent.money.microdollars == 70)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `usage is summed up by tenant, day, key and model`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for (tenant, key, model, days) in [
                ("a", "k1", "m1", 0), ("a", "k2", "m1", 0), ("b", "k1", "m2", 1), ("a", "k1", "m1", 1),
            ] {
                let bill = Bill(
                    model: model, usage: TokenUsage(input: 1, output: 2, cacheCreation: 3, cacheRead: 4),
                    cost: Money(microdollars: 5), isPriced: model == "m1")
                let key = UsageKey(
                    tenant: .sample(tenant), at: world.now.advanced(by: .seconds(86_400 * days)), key: key, model: model
                )
                try await world.store.addUsage([key: UsageCounts(bill, isError: days == 1, isMaybeBilled: false)])
            }
            let all = try await world.store.usage(UsageQuery())
            #expect(all.count == 1)
            let sum = try #require(all.first?.counts)
            #expect(sum.requests == 4 && sum.errors == 2 && sum.unpriced == 1 && sum.cost.microdollars == 20)
            #expect(sum.input == 4 && sum.output == 8 && sum.cacheCreation == 12 && sum.cacheRead == 16)
            let byTenant = try await world.store.usage(UsageQuery(by: [.tenant, .model]))
            #expect(byTenant.map { $0.tenant?.text } == ["a", "b"] && byTenant.map(\.model) == ["m1", "m2"])
            #expect(byTenant.map(\.counts.requests) == [3, 1])
            let byDay = try await world.store.usage(UsageQuery(tenant: .sample("a"), by: [.day, .key]))
            #expect(byDay.map(\.key) == ["k1", "k2", "k1"] && byDay.map(\.counts.requests) == [1, 1, 1])
            let tomorrow = world.now.advanced(by: .seconds(86_400))
            #expect(try await world.store.usage(UsageQuery(since: tomorrow)).first?.counts.requests == 2)
            #expect(try await world.store.usage(UsageQuery(until: tomorrow)).first?.counts.requests == 2)
            #expect(try await world.store.usage(UsageQuery(tenant: .sample("nobody"))).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `names of models cannot fill the store`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for number in 0..<(UsageKey.placesPerDay + 5) {
                let bill = Bill(model: "m\(number)", usage: nil, cost: .zero, isPriced: false)
                let key = UsageKey(tenant: .sample(), at: world.now, key: "k", model: bill.model)
                try await world.store.addUsage([key: UsageCounts(bill, isError: true, isMaybeBilled: false)])
            }
            let rows = try await world.store.usage(UsageQuery(by: [.model]))
            #expect(rows.count == UsageKey.placesPerDay + 1)
            #expect(rows.first { $0.model == "other" }?.counts.requests == 5)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `attempts at jobs are counted with key and model`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.submit(world.budgeted())
            try await world.settle(
                world.claimOne(), .retry(at: world.now), costing: nil, maybeBilled: true, verdict: "upstream_fault")
            try await world.settle(world.claimOne(), .ended(.succeeded, .sample()), costing: 9)
            let row = try #require(await world.store.usage(UsageQuery(by: Set(UsageQuery.Dimension.allCases))).first)
            #expect(row.tenant == .sample() && row.key == "k1" && row.model == "claude-test")
            #expect(row.day == world.now.startOfDay)
            let counts = row.counts
            #expect(
                counts.requests == 2 && counts.errors == 1 && counts.maybeBilled == 1 && counts.cost.microdollars == 9)
        }
    }

    @Test(arguments: [StoreUnderTest.sqlite])
    func `more usage than one answer holds is refused, not cut`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let counts = UsageCounts(
                Bill(model: "m", usage: TokenUsage(input: 1, output: 0), cost: .zero, isPriced: true), isError: false,
                isMaybeBilled: false)
            let days = (0...UsageQuery.limit).map { day in
                UsageKey(
                    tenant: .sample(), at: world.now.advanced(by: .seconds(-86_400 * day)), key: "k1", model: "m")
            }
            try await world.store.addUsage(Dictionary(uniqueKeysWithValues: days.map { ($0, counts) }))
            await #expect(throws: JobStoreError.tooMany(limit: UsageQuery.limit)) {
                _ = try await world.store.usage(UsageQuery(by: [.day]))
            }
            var shorter = UsageQuery(by: [.day])
            shorter.until = world.now
            #expect(try await world.store.usage(shorter).count == UsageQuery.limit)
            #expect(try await world.store.usage(UsageQuery()).first?.counts.input == UsageQuery.limit + 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `of changes that race, each to another limit, none is lost`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let tenants = (0..<8).map { TenantID.sample("t\($0)") }
            let fields: [TenantLimitField] = [
                .requestsPerSecond, .concurrency, .queuedJobs, .bodyBytes, .tokensPerDay, .tokensPerMonth,
                .moneyPerDay, .moneyPerMonth,
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for field in fields {
                    for tenant in tenants {
                        group.addTask {
                            try await world.store.changeLimits(of: tenant, at: world.now) { limits in
                                _ = field.set("7", in: &limits)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let limits = try await world.store.limits()
            for tenant in tenants {
                let set = fields.filter { field in limits[tenant].flatMap { field.text(in: $0) } != nil }
                #expect(set == fields, "\(tenant)")
            }
        }
    }
}
