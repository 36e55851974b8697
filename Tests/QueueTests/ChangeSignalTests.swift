import Domain
import Queue
import TestSupport
import Testing

struct ChangeSignalTests {
    @Test(arguments: StoreUnderTest.all)
    func `counts grow with what happens`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            func counts() -> [UInt64] { ChangeTopic.allCases.map(world.store.changeCount) }
            let start = counts()
            _ = try await world.submit(webhook: .url("https://example.com"))
            let submitted = counts()
            #expect(submitted[0] > start[0] && submitted[1] == start[1] && submitted[2] == start[2])
            try await world.settle(try await world.claimOne(), .retry(at: world.now))
            #expect(counts()[0] > submitted[0] && counts()[1] == start[1])
            try await world.finish(try await world.claimOne())
            #expect(counts()[1] > start[1] && counts()[2] > start[2])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a waiter wakes when its topic changes`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let store = world.store
            let seen = store.changeCount(.jobs)
            async let waiting: Void = store.waitForChange(.jobs, since: seen, upTo: .seconds(60))
            await world.clock.waitForSleepers()
            _ = try await world.submit()
            await waiting
            #expect(store.changeCount(.jobs) != seen)
            await store.waitForChange(.jobs, since: seen, upTo: .seconds(60))  // missed it: returns at once
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a waiter returns when its time is up or its task is cancelled`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let store = world.store
            let seen = store.changeCount(.results)
            let patient = Task { await store.waitForChange(.results, since: seen, upTo: .seconds(60)) }
            await world.clock.waitForSleepers()
            patient.cancel()
            await patient.value
            let timed = Task { await store.waitForChange(.results, since: seen, upTo: .milliseconds(5)) }
            let advancing = Task {
                while !Task.isCancelled {
                    world.clock.advance(by: .milliseconds(5))
                    await Task.yield()
                }
            }
            await timed.value
            advancing.cancel()
            #expect(store.changeCount(.results) == seen)
        }
    }
}
