import Domain
import Queue
import TestSupport
import Testing

struct ReadingTests {
    @Test(arguments: StoreUnderTest.all)
    func `lists are newest first, by page and by tenant`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            var ids: [JobID] = []
            for index in 0..<7 {
                let tenant = TenantID.sample(index == 3 ? "other" : "acme")
                ids.append(try await world.submit(.sample(tenant: tenant, at: world.now)))
            }
            func page(_ tenant: TenantID?, after: JobID?, _ limit: Int) async throws -> ([JobID], Bool) {
                let page = try await world.store.list(JobQuery(tenant: tenant, after: after, limit: limit))
                return (page.jobs.map(\.id), page.hasMore)
            }
            #expect(try await page(.sample(), after: nil, 3) == ([ids[6], ids[5], ids[4]], true))
            #expect(try await page(.sample(), after: ids[4], 3) == ([ids[2], ids[1], ids[0]], false))
            #expect(try await page(nil, after: ids[4], 1) == ([ids[3]], true))
            #expect(try await page(nil, after: nil, 7) == (ids.reversed(), false))
            #expect(try await page(.sample(), after: ids[3], 9) == ([], false))
            #expect(try await page(.sample("nobody"), after: nil, 9) == ([], false))
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `lists can be of one state`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let first = try await world.submit()
            let other = try await world.submit(.sample(tenant: .sample("other"), at: world.now))
            let last = try await world.submit()
            for claim in try await world.claim(2) { try await world.finish(claim.lease) }
            func ids(_ tenant: TenantID?, _ state: JobState, limit: Int = 5) async throws -> [JobID] {
                try await world.store.list(JobQuery(tenant: tenant, state: state, limit: limit)).jobs.map(\.id)
            }
            #expect(try await ids(nil, .succeeded) == [other, first])
            #expect(try await ids(nil, .succeeded, limit: 1) == [other])
            #expect(try await ids(.sample(), .succeeded) == [first])
            #expect(try await ids(.sample(), .queued) == [last])
            #expect(try await ids(.sample(), .errored) == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `another tenant's job is not found`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            #expect(try await world.store.job(id, of: .sample("other")) == nil)
            #expect(try await world.store.job(id, of: .sample())?.id == id)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `counters equal a recount`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for index in 0..<8 { _ = try await world.submit(.sample(tenant: .sample("t\(index % 2)"), at: world.now)) }
            let claims = try await world.claim(6)
            try await world.finish(claims[0].lease)
            try await world.finish(claims[1].lease, as: .errored)
            try await world.settle(claims[2].lease, .retry(at: world.now))
            for tenant in [nil, TenantID.sample("t0"), .sample("t1")] {
                let jobs = try await world.store.list(JobQuery(tenant: tenant, limit: 100)).jobs
                let counts = try await world.store.counts(of: tenant)
                for state in JobState.allCases { #expect(counts[state] == jobs.count { $0.state == state }) }
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `keys are kept by id and replaced`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            func key(_ id: String, _ rate: Double?) -> StoredKey {
                StoredKey(
                    id: id, organization: "org", workspace: id == "b" ? "w" : nil, sealedSecret: [0, 1],
                    rate: rate.flatMap(PacingRate.init(requestsPerSecond:)), createdAt: world.now)
            }
            try await world.store.put(key("b", 5), sealedUnder: 1)
            try await world.store.put(key("a", nil), sealedUnder: 1)
            try await world.store.put(key("b", 7.5), sealedUnder: 1)
            #expect(try await world.store.keys() == [key("a", nil), key("b", 7.5)])
            #expect(try await world.store.removeKey("a"))
            #expect(try await !world.store.removeKey("a"))
            #expect(try await world.store.keys().map(\.id) == ["b"])
        }
    }
}
