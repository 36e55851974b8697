import Domain
import Queue
import TestSupport
import Testing

@testable import Worker

struct RetentionTests {
    private func world(_ change: (inout WorkerConfiguration) -> Void) async throws -> (WorkerWorld, [JobID]) {
        var world = WorkerWorld()
        world.configure(change)
        let ids = try await world.submit(3)
        for _ in ids { _ = try await world.attempt() }
        try await world.submit()
        return (world, ids)
    }

    @Test func `Ended jobs are deleted when they are older than retention allows`() async throws {
        let (world, ids) = try await world { $0.retentionAge = .seconds(100) }
        let sweeper = RetentionSweeper(services: world.services)
        world.clock.advance(by: .seconds(100))
        await sweeper.sweep()
        #expect(try await world.count(.succeeded) == 3)
        world.clock.advance(by: .microseconds(1))
        await sweeper.sweep()
        for id in ids { #expect(try await world.memory.job(id, of: nil) == nil) }
        #expect(try await world.count(.queued) == 1)
    }

    @Test func `The oldest ended jobs go when the store takes too much`() async throws {
        let (world, ids) = try await world { $0.retentionBytes = 1 }
        world.clock.advance(by: .seconds(1))
        await RetentionSweeper(services: world.services).sweep()
        for id in ids { #expect(try await world.memory.job(id, of: nil) == nil) }
        #expect(try await world.count(.queued) == 1)
    }

    @Test func `Without a limit nothing is deleted`() async throws {
        let (world, _) = try await world { _ in }
        world.clock.advance(by: .seconds(100_000_000))
        await RetentionSweeper(services: world.services).sweep()
        #expect(try await world.count(.succeeded) == 3)
    }

    @Test func `A clock set back does not delay what is due`() async throws {
        let world = WorkerWorld()
        try await world.submit()
        let reaper = LeaseReaper(services: world.services)
        await reaper.reap()
        world.clock.stepWall(by: .seconds(-3600))
        #expect(try await world.memory.dueClasses(at: world.now).isEmpty)
        await reaper.reap()
        #expect(try await !world.memory.dueClasses(at: world.now).isEmpty)
    }

    @Test func `A clock set back while no relay ran is noticed by what the store remembers`() async throws {
        let world = WorkerWorld()
        try await world.submit()
        world.clock.stepWall(by: .seconds(-3600))
        await LeaseReaper(services: world.services).reap()
        #expect(try await !world.memory.dueClasses(at: world.now).isEmpty)
    }
}
