import Domain
import Queue
import TestSupport
import Testing

struct UpkeepTests {
    @Test(arguments: StoreUnderTest.all)
    func `retention deletes what ended before the cutoff, with all that belongs to it`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            var old: [JobID] = []
            for _ in 0..<3 {
                old.append(try await world.submit())
                try await world.finish(try await world.claimOne())
            }
            world.clock.advance(by: .seconds(100))
            let running = try await world.submit()
            _ = try await world.claimOne()
            let queued = try await world.submit()
            let cutoff = world.now.advanced(by: .seconds(-50))
            let slice = try await world.store.prune(endedBefore: cutoff, after: 0, limit: 2)
            #expect(slice.deleted == 2 && slice.next != nil)
            let rest = try await world.store.prune(endedBefore: cutoff, after: slice.next ?? 0, limit: 2)
            #expect(rest == PruneSlice(deleted: 1, next: nil))
            for id in old {
                #expect(try await world.store.job(id, of: nil) == nil)
                #expect(try await world.store.result(of: id, tenant: nil) == nil)
                #expect(try await world.store.attempts(of: id).isEmpty)
            }
            #expect(try await world.state(running) == .running)
            #expect(try await world.state(queued) == .queued)
            let counts = try await world.store.counts(of: nil)
            #expect(counts[.succeeded] == 0 && counts[.running] == 1 && counts[.queued] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job stays while one of its events is on its way, and so does the newest`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let awaited = try await world.submit(webhook: .url("https://example.com/"))
            try await world.finish(try await world.claimOne())
            let newest = try await world.submit()
            try await world.finish(try await world.claimOne())
            world.clock.advance(by: .seconds(10))
            #expect(try await world.store.prune(endedBefore: world.now, after: 0, limit: 10).deleted == 0)
            let delivery = try #require(await world.claimDeliveries().first)
            try await world.settle(
                delivery, as: .delivered(at: world.now, status: 200))
            #expect(try await world.store.prune(endedBefore: world.now, after: 0, limit: 10).deleted == 1)
            #expect(try await world.store.job(awaited, of: nil) == nil)
            #expect(try await world.store.deliveryCounts()[.delivered] == 0)
            #expect(try await world.state(newest) == .succeeded)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an idempotency key is free again when its job is deleted`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let key = IdempotencyKey(
                key: "k", fingerprint: [1], expiresAt: world.now.advanced(by: .seconds(3600)))
            _ = try await world.submit(.sample(at: world.now, idempotency: key))
            try await world.finish(try await world.claimOne())
            _ = try await world.submit()
            world.clock.advance(by: .seconds(10))
            #expect(try await world.store.prune(endedBefore: world.now, after: 0, limit: 10).deleted == 1)
            _ = try await world.submit(.sample(at: world.now, idempotency: key))
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a clock set back delays neither jobs, nor retries, nor leases, nor events`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let retried = try await world.submit()
            try await world.settle(try await world.claimOne(), .retry(at: world.now.advanced(by: .seconds(30))))
            let held = try await world.submit()
            _ = try await world.claimOne()
            let waiting = try await world.submit()
            let scheduled = try await world.submit(runAt: world.now.advanced(by: .seconds(1800)))
            let back = world.now.advanced(by: .seconds(-3600))
            #expect(try await world.store.claim(limit: 9, bytes: .max, by: "w", at: back, for: .seconds(30)).isEmpty)
            #expect(try await world.store.rebase(by: .seconds(3600), keeping: .seconds(10), limit: 1, at: back) == 3)
            let claims = try await world.store.claim(limit: 9, bytes: .max, by: "w", at: back, for: .seconds(30))
            #expect(claims.map(\.lease.job) == [waiting])
            let retryAt = back.advanced(by: .seconds(30))
            let retries = try await world.store.claim(limit: 9, bytes: .max, by: "w", at: retryAt, for: .seconds(30))
            #expect(retries.map(\.lease.job) == [retried], "as long after the jump as it had left before")
            let later = back.advanced(by: .seconds(31))
            #expect(try await world.store.reap(limit: 9, maxAttempts: 9, at: later) >= 1)
            #expect(try await world.state(held) == .queued)
            #expect(try await world.record(scheduled).runAt == world.now.advanced(by: .seconds(1800)))
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a lease that was renewed by the new clock before it was mended is not taken for an expired one`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            let back = world.now.advanced(by: .seconds(-3600))
            #expect(try await world.store.renew([lease], at: back, for: .seconds(30)) == [.renewed])
            _ = try await world.store.rebase(by: .seconds(3600), keeping: .seconds(10), limit: 9, at: back)
            let early = back.advanced(by: .seconds(9))
            #expect(try await world.store.reap(limit: 9, maxAttempts: 9, at: early) == 0)
            let late = back.advanced(by: .seconds(11))
            #expect(try await world.store.reap(limit: 9, maxAttempts: 9, at: late) == 1)
            #expect(try await world.state(id) == .queued)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `the latest instant is that of the newest work`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            #expect(try await world.store.latestTime() == nil)
            _ = try await world.submit()
            #expect(try await world.store.latestTime() == world.now)
            world.clock.advance(by: .seconds(5))
            _ = try await world.claimOne()
            #expect(try await world.store.latestTime() == world.now)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a healthy store says so`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.store.checkHealth()
            #expect(try await world.store.usage().usedBytes >= 0)
            #expect(try await world.store.shrink(by: 1 << 20) == 0)
        }
    }
}
