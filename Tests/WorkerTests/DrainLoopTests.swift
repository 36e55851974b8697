import Domain
import Queue
import ServiceLifecycle
import TestSupport
import Testing
import Upstream

@testable import Worker

@Suite(.timeLimit(.minutes(1)))
struct DrainLoopTests {
    private func stop(_ group: ServiceGroup, _ run: Task<Void, any Error>) async throws {
        await group.triggerGracefulShutdown()
        try await run.value
    }

    private func start(_ group: ServiceGroup) -> Task<Void, any Error> {
        Task { try await group.run() }
    }

    @Test func `All jobs are worked, never more at once than allowed, each permit used or given back`() async throws {
        let world = WorkerWorld(concurrency: 4)
        world.gateway.hold()
        try await world.submit(50)
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount >= 4 }
        for _ in 1...1000 { await Task.yield() }
        #expect(world.gateway.calls.count == 4)
        world.gateway.release()
        try await world.until { try await world.count(.succeeded) == 50 }
        #expect(world.gateway.peak == 4)
        #expect(world.gateway.calls.count == 50)
        try await stop(group, run)
        #expect(world.gateway.outstanding == 0)
    }

    @Test func `Nothing due, no permit is asked for; what is submitted is taken up at once`() async throws {
        let world = WorkerWorld()
        let group = world.pool
        let run = start(group)
        for _ in 1...20 {
            await world.clock.waitForSleepers(5)  // the sweeper, the batches' mover, the reaper, the renewer, the loop
            world.clock.advance(by: .milliseconds(250))
        }
        #expect(world.gateway.asked.isEmpty)
        await world.clock.waitForSleepers(5)
        let looks = world.store.looks
        #expect((2...42).contains(looks))
        try await world.submit()
        try await world.until { try await world.count(.succeeded) == 1 }
        try await stop(group, run)
    }

    @Test func `Jobs that cannot be opened here wait for those who can, and their permits go back`() async throws {
        let world = WorkerWorld(concurrency: 4)
        world.store.lockClaims(3)
        try await world.submit()
        let group = world.pool
        let run = start(group)
        while world.store.lockedClaims > 0 {
            await world.clock.waitForSleepers(5)
            #expect(world.gateway.outstanding == 0)
            world.clock.advance(by: .milliseconds(250))
        }
        try await world.until { try await world.count(.succeeded) == 1 }
        try await stop(group, run)
        #expect(world.gateway.outstanding == 0)
    }

    @Test func `Permits that find no job go back`() async throws {
        let world = WorkerWorld(concurrency: 4)
        try await world.submit()
        let group = world.pool
        let run = start(group)
        try await world.until { try await world.count(.succeeded) == 1 }
        try await stop(group, run)
        #expect(world.gateway.asked == [4])
        #expect(world.gateway.returned == 3 && world.gateway.outstanding == 0)
    }

    @Test func `Permits go back when the claim fails, and the job is taken up later`() async throws {
        let world = WorkerWorld(concurrency: 4)
        try await world.submit()
        world.store.fail(claims: 1)
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.returned == 4 }
        #expect(world.gateway.calls.isEmpty)
        await world.clock.waitForSleepers(5)  // the sweeper, the mover of batches, the reaper, the renewer, the loop
        world.clock.advance(by: .seconds(1))
        try await world.until { try await world.count(.succeeded) == 1 }
        try await stop(group, run)
        #expect(world.gateway.outstanding == 0)
    }

    @Test func `Without a permit nothing is claimed`() async throws {
        let world = WorkerWorld()
        let id = try await world.submit()[0]
        for _ in 1...3 {
            world.gateway.refuseOnce(RelayError(.pacingExhausted, "Not now.", remedy: "Wait."))
        }
        world.gateway.refuseOnce(RelayError(.noUpstreamKey, "No key.", remedy: "Add one."))
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.asked.count == 4 }
        #expect(try await world.job(id).attempts == 0)
        await world.clock.waitForSleepers(5)  // the sweeper, the mover of batches, the reaper, the renewer, the loop
        world.clock.advance(by: .seconds(1))
        try await world.until { try await world.count(.succeeded) == 1 }
        #expect(try await world.job(id).attempts == 1)
        try await stop(group, run)
    }

    @Test(arguments: [Duration.zero, .seconds(1)])
    func `Jobs of a class that comes later are sent with permits of their own, whatever their priority`(
        later: Duration
    ) async throws {
        let world = WorkerWorld(concurrency: 4)
        world.gateway.hold()
        try await world.submit(40, model: "claude-haiku-4-5")
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount == 4 }
        try await world.submit(4, priority: 9, model: "claude-opus-4-1")
        world.clock.advance(by: later)
        world.gateway.release()
        try await world.until { try await world.count(.succeeded) == 44 }
        try await stop(group, run)
        #expect(world.gateway.misfits == 0)
        // They take the next turn, though there is work of the other class all the time.
        let models = world.gateway.calls.map(\.model)
        if later > .zero { #expect(models.prefix(8).count { $0 == "claude-opus-4-1" } >= 1) }
    }

    @Test func `A shutdown stops the claiming and waits for the answers`() async throws {
        let world = WorkerWorld(concurrency: 2)
        world.gateway.hold()
        try await world.submit(3)
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount == 2 }
        await group.triggerGracefulShutdown()
        await world.clock.waitForSleepers(5)  // the drain time and the others but the loop
        world.gateway.release()
        try await run.value
        #expect(try await world.count(.succeeded) == 2)
        #expect(try await world.count(.queued) == 1)
        #expect(world.gateway.outstanding == 0)
    }

    @Test func `After the drain time calls are closed and their jobs due at once`() async throws {
        let world = WorkerWorld(concurrency: 2)
        world.gateway.hold()
        let ids = try await world.submit(2)
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount == 2 }
        await group.triggerGracefulShutdown()
        for _ in 1...3 {  // step by step, so that the leases are renewed
            await world.clock.waitForSleepers(5)
            #expect(try await world.count(.running) == 2)
            world.clock.advance(by: .seconds(10))
        }
        try await run.value
        for id in ids {
            let job = try await world.job(id)
            #expect(job.state == .queued && job.runAt == world.now)
            let line = try #require(try await world.journal(id).first)
            #expect(line.verdict == "shutdown" && line.maybeBilled)
        }
    }

    @Test func `Cut off, it closes the calls at once and gives the jobs back before it returns`() async throws {
        let world = WorkerWorld(concurrency: 2)
        world.gateway.hold()
        try await world.submit(2)
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount == 2 }
        run.cancel()
        _ = await run.result
        #expect(try await world.count(.queued) == 2)
        #expect(world.registry.count == 0)
    }

    @Test func `Cut off, it waits for answers that cannot be closed, without turning in circles`() async throws {
        let world = WorkerWorld(closesCalls: false)
        world.gateway.hold()
        try await world.submit()
        let group = world.pool
        let run = start(group)
        try await world.until { world.gateway.heldCount == 1 }
        run.cancel()
        for _ in 1...1000 { await Task.yield() }
        let looks = world.store.looks
        #expect(looks < 10)
        world.gateway.release()
        _ = await run.result
        #expect(try await world.count(.succeeded) == 1)
    }
}
