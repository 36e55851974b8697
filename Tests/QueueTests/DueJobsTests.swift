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
                #expect(try await world.store.hasDueJobs(at: world.now) == false)
                _ = try await world.submit(priority: priority, runAt: world.now.advanced(by: .seconds(1)))
                #expect(try await world.store.hasDueJobs(at: world.now) == false)
                world.clock.advance(by: .seconds(1))
                #expect(try await world.store.hasDueJobs(at: world.now))
                _ = try await world.claimOne()
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job whose deadline has passed is not due`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let job = NewJob.sample(at: world.now, deadline: world.now.advanced(by: .seconds(1)))
            _ = try await world.store.submit([job])
            #expect(try await world.store.hasDueJobs(at: world.now))
            world.clock.advance(by: .seconds(1))
            #expect(try await world.store.hasDueJobs(at: world.now) == false)
        }
    }
}
