import Domain
import Queue
import TestSupport
import Testing

struct LeaseTests {
    @Test(arguments: StoreUnderTest.all)
    func `claims go by priority, then due time, then age`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            world.clock.advance(by: .seconds(100))
            let earlier = world.now.advanced(by: .seconds(-5))
            let normal = try await world.submit()
            let sameAge = try await world.submit()
            let overdue = try await world.submit(runAt: earlier)
            let urgent = try await world.submit(priority: 9)
            let last = try await world.submit(priority: 0, runAt: earlier)
            let later = try await world.submit(priority: 9, runAt: world.now.advanced(by: .microseconds(1)))
            #expect(try await world.claim(10).map(\.lease.job) == [urgent, overdue, normal, sameAge, last])
            world.clock.advance(by: .microseconds(1))
            #expect(try await world.claim(10).map(\.lease.job) == [later])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a claim takes no more than its limit`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for priority in [1, 5, 5, 9] { _ = try await world.submit(priority: priority) }
            #expect(try await world.claim(0).isEmpty)
            #expect(try await world.claim(3).count == 3)
            #expect(try await world.claim(3).count == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a claimed job is hidden until its lease has expired and was reaped`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let start = world.now
            let first = try await world.claimOne()
            #expect(try await world.state(id) == .running)
            world.clock.advance(by: .seconds(30) - .microseconds(1))
            #expect(try await world.reap() == 0)
            #expect(try await world.claim().isEmpty)
            world.clock.advance(by: .microseconds(1))
            #expect(try await world.reap() == 1)
            let second = try #require(await world.claim(by: "w2").first)
            #expect(second.lease.job == id && second.lease.attempt == 2 && second.firstClaimedAt == start)
            await #expect(throws: JobStoreError.leaseLost(first)) { try await world.finish(first) }
            #expect(try await world.store.renew([first], at: world.now, for: .seconds(1)) == [.lost])
            let journal = try await world.store.attempts(of: id)
            #expect(journal.map(\.verdict) == ["lease_expired"] && journal.map(\.startedAt) == [start])
            #expect(journal.allSatisfy { $0.maybeBilled && $0.attempt == 1 })
            try await world.finish(second.lease)
            #expect(try await world.state(id) == .succeeded)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a renewed lease lasts from the renewal`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            world.clock.advance(by: .seconds(20))
            #expect(try await world.store.renew([lease], at: world.now, for: .seconds(30)) == [.renewed])
            world.clock.advance(by: .seconds(29))
            #expect(try await world.reap() == 0)
            _ = try await world.store.cancel(id, of: .sample(), at: world.now)
            let ghost = Lease(job: lease.job, row: lease.row, attempt: 7, worker: "w1")
            #expect(
                try await world.store.renew([ghost, lease], at: world.now, for: .seconds(30))
                    == [.lost, .cancelRequested])
            try await world.finish(lease)
            #expect(try await world.store.renew([lease], at: world.now, for: .seconds(30)) == [.lost])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job ends as errored once its workers vanished too often`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            for _ in 1...2 {
                _ = try await world.claimOne()
                world.clock.advance(by: .seconds(30))
                #expect(try await world.reap(maxAttempts: 2) == 1)
            }
            let record = try await world.record(id)
            #expect(record.state == .errored && record.resultStatus == 502 && record.endedAt == world.now)
            #expect(try await world.store.attempts(of: id).count == 2)
            try await expectEnvelope("retries_exhausted", of: id, in: world)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job past its deadline is not claimed and expires`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let deadline = world.now.advanced(by: .seconds(5))
            let id = try await world.submit(.sample(at: world.now, deadline: deadline))
            world.clock.advance(by: .seconds(5) - .microseconds(1))
            #expect(try await world.reap() == 0)
            world.clock.advance(by: .microseconds(1))
            #expect(try await world.reap() == 1)
            #expect(try await world.claim().isEmpty)
            #expect(try await world.state(id) == .expired)
            try await expectEnvelope("deadline_passed", of: id, in: world)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `reaping changes no more than its limit of each kind`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for _ in 0..<3 { _ = try await world.submit() }
            _ = try await world.claim(3)
            for _ in 0..<3 { _ = try await world.submit(.sample(at: world.now, deadline: world.now)) }
            world.clock.advance(by: .seconds(30))
            #expect(try await world.store.reap(limit: 2, maxAttempts: 9, at: world.now) == 4)
            #expect(try await world.store.reap(limit: 2, maxAttempts: 9, at: world.now) == 2)
            #expect(try await world.store.reap(limit: 2, maxAttempts: 9, at: world.now) == 0)
        }
    }
}

/// Expects the relay's own envelope with `code` as the result of `id`.
func expectEnvelope(_ code: String, of id: JobID, in world: World) async throws {
    let result = try #require(await world.store.result(of: id, tenant: nil))
    #expect(String(decoding: result.body, as: UTF8.self).contains(#""details":{"error_code":"\#(code)"}"#))
    #expect(result.headers.first("content-type") == "application/json")
}
