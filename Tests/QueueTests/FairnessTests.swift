import Domain
import Queue
import TestSupport
import Testing

struct FairnessTests {
    private func submit(_ count: Int, of tenant: String, priority: Int = 5, in world: World) async throws {
        let jobs = (0..<count).map { _ in
            NewJob.sample(tenant: .sample(tenant), at: world.now, priority: priority)
        }
        _ = try await world.store.submit(jobs)
    }

    private func tenants(_ claims: [Claim]) -> [String] { claims.map(\.tenant.text) }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant with a long queue delays another's first job by no more than a round`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await submit(500, of: "big", priority: 9, in: world)
            #expect(try await world.claim(100).count == 100)
            try await submit(3, of: "small", priority: 0, in: world)
            #expect(tenants(try await world.claim(6)).sorted() == ["big", "big", "big", "small", "small", "small"])
            #expect(tenants(try await world.claim(2)) == ["big", "big"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `shares follow the weights`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let share = try #require(TenantShare(tenant: .sample("heavy"), weight: 3))
            try await world.store.setShare(share)
            try await submit(100, of: "heavy", in: world)
            try await submit(100, of: "light", in: world)
            var counts: [String: Int] = [:]
            for _ in 0..<8 { for tenant in tenants(try await world.claim(5)) { counts[tenant, default: 0] += 1 } }
            #expect(counts == ["heavy": 30, "light": 10])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant runs no more jobs than its limit, and goes on when one has ended`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await submit(5, of: "a", in: world)
            try await world.store.setShare(try #require(TenantShare(tenant: .sample("a"), maxRunning: 2)))
            let first = try await world.claim(10)
            #expect(first.count == 2)
            #expect(try await world.store.dueClasses(at: world.now).isEmpty)
            #expect(try await world.claim(10).isEmpty)
            let seen = world.store.changeCount(.jobs)
            try await world.finish(first[0].lease)
            #expect(world.store.changeCount(.jobs) != seen, "waiting workers must hear that there is room")
            #expect(try await world.claim(10).count == 1)
            let status = try #require(await world.store.tenants(at: world.now).first)
            #expect(status.share.maxRunning == 2 && status.counts[.running] == 2 && status.counts[.queued] == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant that was idle is neither owed nor owes`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await submit(50, of: "a", in: world)
            _ = try await world.claim(50)
            try await submit(10, of: "b", in: world)
            try await submit(10, of: "a", in: world)
            #expect(Set(tenants(try await world.claim(2))) == ["a", "b"])
            #expect(Set(tenants(try await world.claim(2))) == ["a", "b"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant whose jobs are for later does not hold up the others`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let later = world.now.advanced(by: .seconds(60))
            _ = try await world.store.submit([.sample(tenant: .sample("later"), at: world.now, runAt: later)])
            try await submit(3, of: "now", in: world)
            #expect(tenants(try await world.claim(10)) == ["now", "now", "now"])
            world.clock.advance(by: .seconds(60))
            #expect(tenants(try await world.claim(10)) == ["later"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a claim holds no more bytes than it may, but one job always`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for size in [100, 100, 100] {
                _ = try await world.submit(.sample(at: world.now, body: Array(repeating: 0x20, count: size)))
            }
            let claims = try await world.store.claim(
                limit: 10, bytes: 250, by: "w", at: world.now, for: .seconds(30))
            #expect(claims.count == 2)
            let more = try await world.store.claim(limit: 10, bytes: 1, by: "w", at: world.now, for: .seconds(30))
            #expect(more.count == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a hundred tenants all get their turn`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for tenant in 0..<100 { try await submit(2, of: "t\(tenant)", in: world) }
            var seen: Set<String> = []
            for _ in 0..<10 { seen.formUnion(tenants(try await world.claim(10))) }
            #expect(seen.count == 100)
            #expect(try await world.claim(1000).count == 64)
            #expect(try await world.claim(1000).count == 36)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `tenants are listed page by page, all of them, and found by name`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for number in 1...1001 {
                let share = try #require(TenantShare(tenant: .sample("t\(number)"), weight: 7, maxRunning: nil))
                try await world.store.setShare(share)
            }
            let names = try await world.store.tenants(at: world.now).map(\.share.tenant.text)
            #expect(names == (1...1001).map { "t\($0)" }.sorted())
            let page = try await world.store.tenants(after: .sample("t1"), limit: 2, at: world.now)
            #expect(page.map(\.share.tenant.text) == ["t10", "t100"])
            let last = try await world.store.tenant(.sample("t999"), at: world.now)
            #expect(last?.share.weight == 7)
            #expect(try await world.store.tenant(.sample("nobody"), at: world.now) == nil)
        }
    }
}
