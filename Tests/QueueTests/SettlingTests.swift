import Domain
import Queue
import TestSupport
import Testing

struct SettlingTests {
    @Test(arguments: StoreUnderTest.all)
    func `a settled job has its result byte for byte`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            let result = JobResult(
                status: 418, headers: [HeaderField("A", "1"), HeaderField("a", "2")], body: [0, 255])
            #expect(try await world.store.result(of: id, tenant: nil) == nil)
            try await world.settle(lease, .ended(.errored, result))
            #expect(try await world.store.result(of: id, tenant: .sample()) == result)
            #expect(try await world.store.result(of: id, tenant: .sample("other")) == nil)
            let record = try await world.record(id)
            #expect(record.state == .errored && record.resultStatus == 418 && record.endedAt == world.now)
            #expect(try await world.store.attempts(of: id) == [.sample(lease, at: world.now)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a lease settles once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            try await world.finish(lease)
            await #expect(throws: JobStoreError.leaseLost(lease)) {
                try await world.settle(lease, .retry(at: world.now))
            }
            #expect(try await world.state(id) == .succeeded)
            #expect(try await world.store.attempts(of: id).count == 1)
            #expect(try await world.claim().isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a retry is due at its time with the next attempt`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            let lease = try await world.claimOne()
            let due = world.now.advanced(by: .seconds(4))
            try await world.settle(lease, .retry(at: due))
            #expect(try await world.record(id).runAt == due)
            #expect(try await world.claim().isEmpty)
            world.clock.advance(by: .seconds(4))
            #expect(try await world.claimOne().attempt == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a queued job is canceled at once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            #expect(try await world.store.cancel(id, of: .sample("other"), at: world.now) == nil)
            #expect(try await world.store.cancel(id, of: .sample(), at: world.now) == .canceled)
            #expect(try await world.store.cancel(id, of: .sample(), at: world.now) == .alreadyEnded(.canceled))
            #expect(try await world.claim().isEmpty)
            #expect(try await world.record(id).resultStatus == 409)
            try await expectEnvelope("canceled", of: id, in: world)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `cancelling a running job ends it unless the answer comes first`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let answered = try await world.submit()
            let first = try await world.claimOne()
            #expect(try await world.store.cancel(answered, of: .sample(), at: world.now) == .requested)
            #expect(try await world.record(answered).isCancelRequested)
            try await world.finish(first)
            #expect(try await world.state(answered) == .succeeded)

            let retried = try await world.submit()
            let second = try await world.claimOne()
            _ = try await world.store.cancel(retried, of: .sample(), at: world.now)
            try await world.settle(second, .retry(at: world.now))
            #expect(try await world.state(retried) == .canceled)
            try await expectEnvelope("canceled", of: retried, in: world)

            let abandoned = try await world.submit()
            _ = try await world.claimOne()
            _ = try await world.store.cancel(abandoned, of: .sample(), at: world.now)
            world.clock.advance(by: .seconds(30))
            #expect(try await world.reap() == 1)
            #expect(try await world.state(abandoned) == .canceled)
        }
    }
}
