import Domain
import Queue
import TestSupport
import Testing

struct BatchTests {
    @Test(arguments: StoreUnderTest.all)
    func `a batch is seen once it is opened, and then whole`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.beginBatch()
            #expect(try await world.store.addToBatch(id, world.items("a", "b"), at: world.now) == .added)
            #expect(try await world.store.addToBatch(id, world.items("c"), at: world.now) == .added)
            #expect(try await world.store.batch(id, of: .sample()) == nil)
            #expect(try await world.store.batches(BatchQuery(tenant: .sample())).batches.isEmpty)
            #expect(try await world.advance() == 0, "what is being received is left alone")
            #expect(try await world.claim(5).isEmpty)
            let batch = try await world.open(id)
            #expect(batch.total == 3 && batch.processing == 3 && batch.status == .inProgress)
            #expect(try await world.store.batch(id, of: .sample()) == batch)
            #expect(try await world.store.batch(id, of: .sample("other")) == nil)
            #expect(try await world.advanceAll() == 3)
            let claims = try await world.claim(5)
            #expect(claims.map { String(decoding: $0.body, as: UTF8.self) } == ["body a", "body b", "body c"])
            #expect(claims.allSatisfy { $0.digest == BodyDigest($0.body) })
            #expect(claims.allSatisfy { $0.headers == World.batchHeaders && $0.deadline == batch.expiresAt })
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `counts add up at every step, and the last end ends the batch`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b", "c", "d")
            _ = try await world.advanceAll()
            let claims = try await world.claim(4)
            for (index, claim) in claims.enumerated() {
                let batch = try await world.batch(id)
                #expect(batch.endedAt == nil && batch.processing == 4 - index && batch.ended[.succeeded] == index)
                world.clock.advance(by: .seconds(1))
                try await world.finish(claim.lease, as: .succeeded)
            }
            let batch = try await world.batch(id)
            #expect(batch.status == .ended && batch.endedAt == world.now && batch.processing == 0)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a name is used once in a batch, and again in another`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let (first, second) = (try await world.beginBatch(), try await world.beginBatch())
            let name = try #require(CustomID("a"))
            #expect(try await world.store.addToBatch(first, world.items("a"), at: world.now) == .added)
            #expect(try await world.store.addToBatch(first, world.items("b", "a"), at: world.now) == .duplicate(name))
            #expect(try await world.store.addToBatch(first, world.items("c", "c"), at: world.now) != .added)
            #expect(try await world.store.addToBatch(second, world.items("a", "b"), at: world.now) == .added)
            #expect(try await world.open(first).total == 1)
            #expect(try await world.open(second).total == 2)
            #expect(try await world.store.addToBatch(first, world.items("z"), at: world.now) == .gone)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `requests move in bounded steps`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.accept("a", "b", "c", "d", "e")
            #expect(try await world.advance(limit: 2) == 2)
            #expect(try await world.claim(5).count == 2)
            #expect(try await world.advance(limit: 2) == 2)
            #expect(try await world.advance(limit: 2) == 1)
            #expect(try await world.claim(5).count == 3)
            #expect(try await world.advanceAll() == 0)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what the relay will not send ends as errored with its refusal`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.beginBatch()
            let refused = BatchItem(
                customID: try #require(CustomID("bad")), job: .sample(at: world.now), body: [], model: "",
                refusal: Array("no".utf8))
            #expect(try await world.store.addToBatch(id, [refused], at: world.now) == .added)
            _ = try await world.open(id)
            _ = try await world.advanceAll()
            let batch = try await world.batch(id)
            #expect(batch.status == .ended && batch.ended[.errored] == 1)
            let result = try #require(try await world.results(id).first)
            #expect(result.state == .errored && result.result.body == Array("no".utf8) && result.result.status == 400)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `results come in the order of submission, page by page`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b", "c")
            _ = try await world.advanceAll()
            for claim in try await world.claim(3).reversed() { try await world.finish(claim.lease) }
            let all = try await world.results(id)
            #expect(all.map(\.customID) == ["a", "b", "c"] && all.allSatisfy { $0.state == .succeeded })
            let first = try await world.store.batchResults(id, of: .sample(), after: 0, limit: 2, bytes: .max)
            #expect(first == Array(all.prefix(2)))
            let last = try await world.store.batchResults(
                id, of: .sample(), after: first[1].position, limit: 2, bytes: .max)
            #expect(last == [all[2]])
            let small = try await world.store.batchResults(id, of: .sample(), after: 0, limit: 5, bytes: 1)
            #expect(small == [all[0]], "one, though it is larger")
            #expect(try await world.store.batchResults(id, of: .sample("x"), after: 0, limit: 5, bytes: 1).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `cancelling ends what waits and lets what runs succeed`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b", "c", "d")
            _ = try await world.advance(limit: 3)  // d is not queued yet
            let claims = try await world.claim(2)
            #expect(try await world.store.cancelBatch(id, of: .sample("x"), at: world.now) == nil)
            let canceling = try await world.store.cancelBatch(id, of: .sample(), at: world.now)
            #expect(canceling?.status == .canceling && canceling?.cancelInitiatedAt == world.now)
            _ = try await world.advanceAll()
            #expect(try await world.batch(id).ended[.canceled] == 2)
            try await world.finish(claims[0].lease)
            try await world.settle(claims[1].lease, .retry(at: world.now))  // it is not tried again
            let batch = try await world.batch(id)
            #expect(batch.status == .ended && batch.ended[.canceled] == 3 && batch.ended[.succeeded] == 1)
            #expect(try await world.claim(5).isEmpty)
            let again = try await world.store.cancelBatch(id, of: .sample(), at: world.now.advanced(by: .seconds(9)))
            #expect(again == batch, "a batch that has ended stays as it is")
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a request whose worker vanished after the cancellation is canceled`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a")
            _ = try await world.advanceAll()
            _ = try await world.claimOne()
            _ = try await world.store.cancelBatch(id, of: .sample(), at: world.now)
            _ = try await world.advanceAll()
            world.clock.advance(by: .seconds(31))
            #expect(try await world.reap() == 1)
            #expect(try await world.batch(id).ended[.canceled] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what is unsent after a day expires, queued or not`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b")
            _ = try await world.advance(limit: 1)
            world.clock.advance(by: .seconds(86_400))
            #expect(try await world.reap() == 1)
            #expect(try await world.claim(5).isEmpty)
            _ = try await world.advanceAll()
            let batch = try await world.batch(id)
            #expect(batch.status == .ended && batch.ended[.expired] == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an ended batch is deleted with its results, others are not`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b", "c")
            _ = try await world.advanceAll()
            #expect(try await world.store.deleteBatch(id, of: .sample()) == false)
            for claim in try await world.claim(3) { try await world.finish(claim.lease) }
            let kept = try await world.submit()
            #expect(try await world.store.deleteBatch(id, of: .sample("x")) == nil)
            #expect(try await world.store.deleteBatch(id, of: .sample()) == true)
            #expect(try await world.store.batch(id, of: .sample()) == nil)
            #expect(try await world.store.deleteBatch(id, of: .sample()) == nil)
            #expect(try await world.results(id).isEmpty)
            _ = try await world.advanceAll(limit: 2)
            let counts = try await world.store.counts(of: .sample())
            #expect(counts[.succeeded] == 0 && counts[.queued] == 1)
            #expect(try await world.state(kept) == .queued)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what is given up or forgotten while it is received leaves nothing`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let (givenUp, forgotten) = (try await world.beginBatch(), try await world.beginBatch())
            _ = try await world.store.addToBatch(givenUp, world.items("a"), at: world.now)
            _ = try await world.store.addToBatch(forgotten, world.items("b"), at: world.now)
            try await world.store.abandonBatch(givenUp)
            _ = try await world.advanceAll()
            #expect(try await world.store.openBatch(givenUp, idempotency: nil, at: world.now) == .gone)
            world.clock.advance(by: .seconds(2))
            _ = try await world.store.advanceBatches(limit: 9, abandonedBefore: world.now, at: world.now)
            #expect(try await world.store.openBatch(forgotten, idempotency: nil, at: world.now) == .gone)
            _ = try await world.advanceAll()
            #expect(try await world.claim(5).isEmpty)
            #expect(try await world.store.counts(of: .sample()).values.reduce(0, +) == 0)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an idempotency key makes one batch`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let first = try await world.opening("k", fingerprint: 1)
            guard case .opened(let record) = first else { throw Unexpected(what: "\(first)") }
            #expect(try await world.opening("k", fingerprint: 1) == .existing(record))
            #expect(try await world.opening("k", fingerprint: 2) == .idempotencyConflict(record.id))
            _ = try await world.advanceAll()
            #expect(try await world.store.batches(BatchQuery(tenant: .sample())).batches == [record])
            #expect(try await world.claim(9).count == 1)
            world.clock.advance(by: .seconds(86_401))
            guard case .opened = try await world.opening("k", fingerprint: 2) else {
                throw Unexpected(what: "the key is still in use")
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a batch that the queue has no room for is refused whole`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run(maxDepth: 2) { world in
            let id = try await world.beginBatch()
            _ = try await world.store.addToBatch(id, world.items("a", "b", "c"), at: world.now)
            await #expect(throws: JobStoreError.full(depth: 0, limit: 2)) { _ = try await world.open(id) }
            #expect(try await world.store.batch(id, of: .sample()) == nil)
            _ = try await world.accept("a", "b")  // not queued yet, and yet they take the room
            await #expect(throws: JobStoreError.full(depth: 2, limit: 2)) { _ = try await world.submit() }
            _ = try await world.advanceAll()
            await #expect(throws: JobStoreError.full(depth: 2, limit: 2)) { _ = try await world.submit() }
            for claim in try await world.claim(2) { try await world.finish(claim.lease) }
            _ = try await world.submit()
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `pages go both ways, newest first`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            var ids: [BatchID] = []
            for _ in 0..<5 {
                ids.append(try await world.accept("a"))
                world.clock.advance(by: .milliseconds(1))
            }
            _ = try await world.accept("b", tenant: .sample("other"))
            func page(_ start: BatchQuery.Start, _ limit: Int = 2) async throws -> ([BatchID], Bool) {
                let page = try await world.store.batches(BatchQuery(tenant: .sample(), start: start, limit: limit))
                return (page.batches.map(\.id), page.hasMore)
            }
            #expect(try await page(.newest) == ([ids[4], ids[3]], true))
            #expect(try await page(.after(ids[3])) == ([ids[2], ids[1]], true))
            #expect(try await page(.after(ids[1])) == ([ids[0]], false))
            #expect(try await page(.before(ids[0])) == ([ids[2], ids[1]], true))
            #expect(try await page(.before(ids[2])) == ([ids[4], ids[3]], false))
            #expect(try await page(.newest, 5) == (ids.reversed(), false))
            world.clock.advance(by: .seconds(1))
            var random = SystemRandomNumberGenerator()
            let gone = BatchID.make(at: world.now, using: &random)
            world.clock.advance(by: .seconds(1))
            let newer = try await world.accept("a")
            #expect(try await page(.after(gone)) == ([ids[4], ids[3]], true))
            #expect(try await page(.before(gone)) == ([newer], false))
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `retention that deletes a result archives the batch`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.accept("a", "b")
            _ = try await world.advanceAll()
            let claims = try await world.claim(2)
            try await world.finish(claims[0].lease)
            world.clock.advance(by: .seconds(60))
            let early = try await world.store.prune(endedBefore: world.now, after: 0, limit: 10)
            #expect(early.deleted == 0, "the batch has not ended")
            try await world.finish(claims[1].lease)
            #expect(try await world.batch(id).archived(at: world.now) == nil)
            world.clock.advance(by: .seconds(60))
            let slice = try await world.store.prune(endedBefore: world.now, after: 0, limit: 10)
            #expect(slice.deleted == 1, "the newest job stays")
            #expect(try await world.batch(id).archivedAt == world.now)
            #expect(try await world.results(id).map(\.customID) == ["b"])
        }
    }
}
