import Domain
import Queue
import ServiceLifecycle
import TestSupport
import Testing

@testable import Worker

@Suite(.timeLimit(.minutes(1)))
struct LeaseTests {
    private func renewer(_ world: WorkerWorld) -> LeaseRenewer {
        LeaseRenewer(services: world.services, registry: world.registry)
    }

    @Test(arguments: [true, false])
    func `Who has lost a lease closes the call and records nothing`(_ closesCalls: Bool) async throws {
        let world = WorkerWorld(closesCalls: closesCalls)
        world.gateway.hold()
        let id = try await world.submit()[0]
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        world.clock.advance(by: .seconds(31))
        _ = try await world.memory.reap(limit: 10, maxAttempts: 20, at: world.now)
        let other = try await world.claim()
        await renewer(world).renew()
        if !closesCalls { world.gateway.release() }  // the answer comes all the same
        try await world.until { world.registry.count == 0 }
        #expect(other.lease.attempt == 2)
        #expect(world.store.settles == 0)
        #expect(try await world.job(id).state == .running)
        #expect(try await world.journal(id).map(\.verdict) == ["lease_expired"])
    }

    @Test func `A lease that was lost unnoticed cannot settle either`() async throws {
        let world = WorkerWorld()
        world.gateway.hold()
        let id = try await world.submit()[0]
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        world.clock.advance(by: .seconds(31))
        _ = try await world.memory.reap(limit: 10, maxAttempts: 20, at: world.now)
        world.gateway.release()
        try await world.until { world.registry.count == 0 }
        #expect(try await world.job(id).state == .queued)
        #expect(try await world.journal(id).map(\.verdict) == ["lease_expired"])
    }

    @Test func `A cancellation closes the call; what was sent may be billed`() async throws {
        let world = WorkerWorld()
        world.gateway.hold()
        let id = try await world.submit()[0]
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        #expect(try await world.memory.cancel(id, of: .sample(), at: world.now) == .requested)
        await renewer(world).renew()
        try await world.until { world.registry.count == 0 }
        #expect(try await world.job(id).state == .canceled)
        #expect(try await world.memory.result(of: id, tenant: nil)?.status == 409)
        let line = try #require(try await world.journal(id).first)
        #expect(line.verdict == "canceled" && line.maybeBilled && line.key == "key-1")
    }

    @Test func `An answer that comes before the call is closed wins over the cancellation`() async throws {
        let world = WorkerWorld(closesCalls: false)
        world.gateway.hold()
        let id = try await world.submit()[0]
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        _ = try await world.memory.cancel(id, of: .sample(), at: world.now)
        await renewer(world).renew()
        world.gateway.release()
        try await world.until { world.registry.count == 0 }
        #expect(try await world.job(id).state == .succeeded)
    }

    @Test func `The renewer keeps the leases of long attempts alive until they end`() async throws {
        let world = WorkerWorld()
        world.gateway.hold()
        let id = try await world.submit()[0]
        let group = world.group([renewer(world)])
        async let run: Void = group.run()
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        for _ in 1...30 {  // five minutes, ten leases
            await world.clock.waitForSleepers()
            world.clock.advance(by: .seconds(10))
        }
        await world.clock.waitForSleepers()
        #expect(try await world.memory.reap(limit: 10, maxAttempts: 20, at: world.now) == 0)
        world.gateway.release()
        try await world.until { world.registry.count == 0 }
        #expect(try await world.job(id).state == .succeeded)
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `A renewal that failed is tried again at once, not when the lease is nearly over`() async throws {
        let world = WorkerWorld()
        world.gateway.hold()
        try await world.submit()
        world.store.fail(renewals: 3)
        let group = world.group([renewer(world)])
        async let run: Void = group.run()
        try await world.start()
        try await world.until { world.gateway.heldCount == 1 }
        await world.clock.waitForSleepers()
        world.clock.advance(by: .seconds(10))
        for tries in 1...3 {
            try await world.until { world.store.renewals == tries && world.clock.untilNextWake == .seconds(1) }
            world.clock.advance(by: .seconds(1))
        }
        try await world.until { world.store.renewals == 4 }
        await world.clock.waitForSleepers()
        let later = world.now.advanced(by: .seconds(29))
        #expect(try await world.memory.reap(limit: 10, maxAttempts: 20, at: later) == 0)
        world.gateway.release()
        try await world.until { world.registry.count == 0 }
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `A clock set back is mended by the next look if the first one failed`() async throws {
        let world = WorkerWorld()
        let id = try await world.submit()[0]
        let reaper = LeaseReaper(services: world.services)
        await reaper.reap()
        world.clock.stepWall(by: .seconds(-3600))
        world.store.fail(rebases: 1)
        await reaper.reap()
        #expect(try await world.job(id).runAt > world.now)
        await reaper.reap()
        #expect(try await world.claim().lease.job == id)
    }

    @Test func `The reaper puts abandoned jobs back and ends those past their deadline, again and again`() async throws
    {
        let world = WorkerWorld()
        let group = world.group([LeaseReaper(services: world.services)])
        async let run: Void = group.run()
        for _ in 1...2 {
            let late = try await world.submit(deadline: world.now.advanced(by: .seconds(40)))[0]
            let abandoned = try await world.submit()[0]
            _ = try await world.memory.claim(limit: 2, bytes: .max, by: "gone", at: world.now, for: .seconds(30))
            let late2 = try await world.submit(deadline: world.now.advanced(by: .seconds(40)))[0]
            await world.clock.waitForSleepers()
            world.clock.advance(by: .seconds(31))
            try await world.until { try await world.job(abandoned).state == .queued }
            await world.clock.waitForSleepers()
            world.clock.advance(by: .seconds(10))
            try await world.until { try await world.job(late2).state == .expired }
            try await world.until { try await world.job(late).state == .expired }
        }
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `The reaper goes on until nothing is left to reap`() async throws {
        let world = WorkerWorld()
        try await world.submit(1201, deadline: world.now.advanced(by: .seconds(1)))
        world.clock.advance(by: .seconds(1))
        await LeaseReaper(services: world.services).reap()
        #expect(try await world.count(.expired) == 1201)
    }

    @Test func `The first reason to stop counts, also one that comes before the attempt runs`() async throws {
        let world = WorkerWorld()
        try await world.submit()
        let lease = try await world.claim().lease
        world.registry.stop(lease, because: .canceled)
        #expect(world.registry.stopReason(of: lease) == nil)  // not registered yet
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        world.registry.start(lease, bytes: 1) { for await _ in gate {} }
        world.registry.stop(lease, because: .leaseLost)
        world.registry.stop(lease, because: .shutdown)
        #expect(world.registry.stopReason(of: lease).map { $0 == .leaseLost } ?? (world.registry.count == 0))
        await world.registry.waitForEnd()
        #expect(world.registry.count == 0)
        opening.finish()
    }
}
