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
}
