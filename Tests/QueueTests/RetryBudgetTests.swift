import Domain
import Queue
import TestSupport
import Testing

struct RetryBudgetTests {
    @Test(arguments: StoreUnderTest.all)
    func `only attempts that may have been executed spend the budget of attempts`(_ backEnd: StoreUnderTest)
        async throws
    {
        try await backEnd.run { world in
            let id = try await world.submit()
            for _ in 0..<4 {
                let claim = try await world.claim(1)[0]
                #expect(claim.chargedAttempts == 0)
                let record = AttemptRecord.sample(claim.lease, at: world.now, verdict: "overloaded")
                let again = Settlement(lease: claim.lease, outcome: .retry(at: world.now), attempt: record)
                try await world.store.settle(again)
            }
            for charged in 0..<2 {
                #expect(try await world.claim(1)[0].chargedAttempts == charged)
                world.clock.advance(by: .seconds(30))
                #expect(try await world.reap(maxAttempts: 2) == 1)
            }
            #expect(try await world.state(id) == .errored)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job that is put back unsent has no journal of it, and its time begins when it is sent`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            for _ in 0..<3 {
                let claim = try await world.claim(1)[0]
                #expect(claim.firstClaimedAt == world.now && claim.chargedAttempts == 0)
                world.clock.advance(by: .seconds(5))
                try await world.settle(claim.lease, .deferred(until: world.now.advanced(by: .seconds(1))))
                #expect(try await world.claim(1).isEmpty)
                world.clock.advance(by: .seconds(1))
            }
            #expect(try await world.store.attempts(of: id).isEmpty)
            let sentAt = world.now
            try await world.settle(try await world.claimOne(), .retry(at: world.now))
            world.clock.advance(by: .seconds(5))
            try await world.settle(try await world.claimOne(), .deferred(until: world.now))
            #expect(try await world.claim(1)[0].firstClaimedAt == sentAt)
            #expect(try await world.store.attempts(of: id).map(\.attempt) == [4])
            #expect(try await world.store.attempts(of: id, from: 4).map(\.attempt) == [4])
            #expect(try await world.store.attempts(of: id, from: 5).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job that was to be canceled is, instead of being put back`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            _ = try await world.store.cancel(id, of: .sample(), at: world.now)
            try await world.settle(lease, .deferred(until: world.now))
            #expect(try await world.state(id) == .canceled)
        }
    }
}
