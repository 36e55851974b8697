import Domain
import Queue
import TestSupport
import Testing

/// What erasing a tenant's data means, on every back end, sealed or not.
struct ErasureTests {
    private static let metadata = Array(#"{"who":"secret"}"#.utf8)

    @Test(arguments: StoreUnderTest.all)
    func `what was erased can be listed and not read, and nobody else's is touched`(_ kind: StoreUnderTest) async throws
    {
        try await kind.run { world in
            let mine = try await world.submit(.sample(at: world.now, metadata: Self.metadata))
            let other = try await world.submit(
                .sample(tenant: .sample("other"), at: world.now, metadata: Self.metadata))
            for lease in try await world.claim(2).map(\.lease) { try await world.finish(lease) }
            let scope = try #require(try await world.erase())
            #expect(scope.jobs[.succeeded] == 1 && scope.unfinished == 0 && scope.hasDataKey == (kind == .sealed))
            await #expect(throws: JobStoreError.erased) { try await world.store.result(of: mine, tenant: nil) }
            await #expect(throws: JobStoreError.erased) { try await world.store.result(of: mine, tenant: .sample()) }
            #expect(try await world.store.result(of: mine, tenant: .sample("other")) == nil)
            let record = try await world.record(mine)
            #expect(record.isErased && record.metadata == nil && record.state == .succeeded)
            #expect(try await world.store.list(JobQuery(tenant: .sample())).jobs == [record])
            #expect(try await world.store.result(of: other, tenant: nil)?.body == JobResult.sample().body)
            #expect(try await world.record(other).metadata == Self.metadata)
            #expect(try await world.store.latestAudit(before: nil, limit: 1).map(\.action) == ["tenant.erased"])
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `unfinished jobs end as canceled, and the answer of a running one is not kept`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.run { world in
            for _ in 0..<5 { _ = try await world.submit() }
            let leases = try await world.claim(2).map(\.lease)
            let scope = try await world.store.erase(.sample(), at: world.now)
            #expect(scope?.unfinished == 5)
            #expect(
                try await world.store.renew(leases, at: world.now, for: .seconds(30))
                    == [.cancelRequested, .cancelRequested])
            #expect(try await world.claim(9).isEmpty, "nothing of it is sent any more")
            try await world.finish(leases[0])
            try await world.settle(leases[1], .retry(at: world.now))
            try await world.finishErasures()
            #expect(try await world.store.counts(of: .sample())[.canceled] == 5)
            #expect(try await world.problems() == [])
            let late = try await world.submit()
            let claim = try #require(try await world.claim(9).first)
            #expect(claim.lease.job == late && claim.body == NewJob.sampleBody && claim.damage == nil)
            try await world.finish(claim.lease)
            #expect(try await world.store.result(of: late, tenant: nil)?.status == 200)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job whose worker was lost is not tried again after an erasure`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let id = try await world.submit()
            _ = try await world.claimOne()
            _ = try await world.erase()
            world.clock.advance(by: .seconds(31))
            #expect(try await world.reap() == 1)
            #expect(try await world.state(id) == .canceled)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an idempotency key of erased data is free again`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let key = IdempotencyKey(
                key: "k", fingerprint: [1], expiresAt: world.now.advanced(by: .seconds(86_400)))
            _ = try await world.submit(.sample(at: world.now, idempotency: key))
            _ = try await world.store.erase(.sample(), at: world.now)
            let again = NewJob.sample(at: world.now, idempotency: key)
            #expect(try await world.store.submit([again]) == [.accepted(again.id)])
            #expect(try await world.store.submit([.sample(at: world.now, idempotency: key)]) == [.existing(again.id)])
            try await world.finishErasures()
            #expect(try await world.store.submit([.sample(at: world.now, idempotency: key)]) == [.existing(again.id)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `dead letters that were erased are not replayed`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let id = try await world.submit()
            try await world.finish(try await world.claimOne(), as: .errored)
            _ = try await world.erase()
            let replay = Replay(id, as: .sample(at: world.now))
            #expect(try await world.store.replay([replay], of: nil, at: world.now) == [.erased])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a callback of an erased job tells that it has ended, and nothing of what it was`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.run { world in
            _ = try await world.addEndpoint("whe_1")
            _ = try await world.submit(.sample(at: world.now, metadata: Self.metadata))
            try await world.finish(try await world.claimOne())
            _ = try await world.erase()
            let delivery = try #require(try await world.claimDeliveries().first)
            #expect(delivery.job?.state == .succeeded && delivery.job?.metadata == nil && delivery.result == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what a receiver has answered is erased with the job`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            _ = try await world.addEndpoint("whe_1")
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
            let delivery = try #require(try await world.claimDeliveries().first)
            let log = DeliveryAttempt(
                attempt: 1, startedAt: world.now, endedAt: world.now, status: 200, error: nil, answer: [7, 7])
            _ = try await world.store.settleDelivery(
                delivery, as: .delivered(at: world.now, status: 200), log: log, rules: EndpointRules())
            #expect(try await world.store.delivery(delivery.id, of: nil)?.attempts.map(\.answer) == [[7, 7]])
            _ = try await world.erase()
            #expect(try await world.store.delivery(delivery.id, of: nil)?.attempts.map(\.answer) == [[]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `the answer to a callback that was under way is not kept, later ones are`(_ kind: StoreUnderTest) async throws
    {
        try await kind.run { world in
            _ = try await world.addEndpoint("whe_1")
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
            let early = try #require(try await world.claimDeliveries().first)
            _ = try await world.erase()
            #expect(try await world.answers(to: early) == [[]])
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
            #expect(try await world.answers(to: #require(try await world.claimDeliveries().first)) == [[7, 7]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `no answer is shown from the moment of the erasure, whatever is left to empty`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.run { world in
            _ = try await world.addEndpoint("whe_1")
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
            let delivery = try #require(try await world.claimDeliveries().first)
            #expect(try await world.answers(to: delivery) == [[7, 7]])
            _ = try await world.store.erase(.sample(), at: world.now)
            #expect(try await world.store.delivery(delivery.id, of: nil)?.attempts.map(\.answer) == [[]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `batches end as canceled, and one that is being received is given up`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let open = try await world.accept("a", "b", "c")
            _ = try await world.advance(limit: 1)
            let receiving = try await world.beginBatch()
            #expect(try await world.store.addToBatch(receiving, world.items("x"), at: world.now) == .added)
            let other = try await world.accept("y", tenant: .sample("other"))
            #expect(try await world.store.erase(.sample(), at: world.now)?.unfinished == 3)
            #expect(try await world.store.addToBatch(receiving, world.items("z"), at: world.now) == .gone)
            try await world.finishErasures()
            _ = try await world.advanceAll()
            let batch = try await world.batch(open)
            #expect(batch.isErased && batch.status == .ended && batch.ended[.canceled] == 3)
            await #expect(throws: JobStoreError.erased) { try await world.results(open) }
            let jobs = try await world.store.list(JobQuery(tenant: .sample())).jobs
            #expect(jobs.count == 3 && jobs.allSatisfy { $0.isErased && $0.state == .canceled })
            #expect(try await world.store.batch(other, of: .sample("other"))?.isErased == false)
            let claim = try #require(try await world.claim(9).first)
            #expect(claim.body == Array("body y".utf8))
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a batch that comes after the erased newest one was deleted is not taken for it`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.run { world in
            let old = try await world.accept("a")
            _ = try await world.erase()
            _ = try await world.advanceAll()
            #expect(try await world.store.deleteBatch(old, of: .sample()) == true)
            _ = try await world.advanceAll()
            let next = try await world.accept("b")
            _ = try await world.advanceAll()
            #expect(try await world.claim(9).map(\.body) == [Array("body b".utf8)])
            #expect(try await world.batch(next).isErased == false)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `retention deletes what was erased`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            for _ in 0..<3 { _ = try await world.submit() }
            _ = try await world.erase()
            world.clock.advance(by: .seconds(10))
            let slice = try await world.store.prune(endedBefore: world.now, after: 0, limit: 100)
            #expect(slice.deleted == 2, "the newest job always stays")
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `there is nothing to erase of a tenant that never was, and erasing twice is no harm`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.run { world in
            #expect(try await world.store.erase(.sample(), at: world.now) == nil)
            #expect(try await world.store.erasable(of: .sample()) == nil)
            _ = try await world.submit()
            _ = try await world.erase()
            let again = try #require(try await world.erase())
            #expect(again.jobs[.canceled] == 1 && again.unfinished == 0 && !again.hasDataKey)
        }
    }
}

extension World {
    /// Erases the data of `acme`, to the end.
    func erase() async throws -> ErasureScope? {
        let scope = try await store.erase(.sample(), at: now)
        try await finishErasures()
        return scope
    }

    /// Lets the receiver answer. - Returns: its answers that are shown.
    fileprivate func answers(to delivery: Delivery) async throws -> [[UInt8]]? {
        let log = DeliveryAttempt(
            attempt: delivery.attempt, startedAt: now, endedAt: now, status: 200, error: nil, answer: [7, 7])
        _ = try await store.settleDelivery(
            delivery, as: .delivered(at: now, status: 200), log: log, rules: EndpointRules())
        return try await store.delivery(delivery.id, of: nil)?.attempts.map(\.answer)
    }

    func finishErasures() async throws {
        while try await store.advanceErasures(limit: 2, at: now) > 0 {}
    }
}
