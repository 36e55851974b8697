import Domain
import Queue
import TestSupport
import Testing

struct DueJobsTests {
    @Test(arguments: StoreUnderTest.all)
    func `jobs are due from their time on, whatever their priority, until they are claimed`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            for priority in [0, 5, 9] {
                #expect(try await world.store.dueClasses(at: world.now).isEmpty)
                _ = try await world.submit(priority: priority, runAt: world.now.advanced(by: .seconds(1)))
                #expect(try await world.store.dueClasses(at: world.now).isEmpty)
                world.clock.advance(by: .seconds(1))
                #expect(try await !world.store.dueClasses(at: world.now).isEmpty)
                _ = try await world.claimOne()
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a claim ends the overdue jobs that it meets, a bounded number of them`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let deadline = world.now.advanced(by: .seconds(1))
            var overdue: [JobID] = []
            for _ in 0..<5 { overdue.append(try await world.submit(.sample(at: world.now, deadline: deadline))) }
            world.clock.advance(by: .seconds(1))
            let good = try await world.submit()
            #expect(try await !world.store.dueClasses(at: world.now).isEmpty)
            #expect(try await world.claim(3).isEmpty)
            #expect(try await world.store.counts(of: nil)[.expired] == 3)
            #expect(try await world.claim(3).map(\.lease.job) == [good])
            for id in overdue {
                #expect(try await world.state(id) == .expired)
                try await expectEnvelope("deadline_passed", of: id, in: world)
            }
            #expect(try await world.store.dueClasses(at: world.now).isEmpty)
        }
    }
}
