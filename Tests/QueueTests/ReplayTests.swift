import Domain
import Queue
import TestSupport
import Testing

struct ReplayTests {
    private func deadLetters(in world: World) async throws -> [JobID] {
        var query = JobQuery(tenant: nil, limit: 100)
        query.isDeadLetter = true
        return try await world.store.list(query).jobs.map(\.id)
    }

    private func replay(_ id: JobID, of tenant: TenantID? = nil, in world: World) async throws -> ReplayOutcome {
        let replay = Replay(id, as: .sample(at: world.now))
        return try await world.store.replay([replay], of: tenant, at: world.now)[0]
    }

    @Test(arguments: StoreUnderTest.all)
    func `a dead letter becomes a new job with the same request, once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let job = NewJob.sample(
                at: world.now, body: Array("{\"a\":1}".utf8), headers: [HeaderField("anthropic-version", "x")],
                priority: 7, deadline: world.now.advanced(by: .seconds(1)), webhook: .url("https://example.com/"),
                metadata: Array("{}".utf8))
            let old = try await world.submit(job)
            try await world.finish(try await world.claimOne(), as: .errored)
            #expect(try await deadLetters(in: world) == [old])
            world.clock.advance(by: .seconds(60))
            guard case .replayed(let new) = try await replay(old, in: world) else {
                throw Unexpected(what: "not replayed")
            }
            #expect(try await replay(old, in: world) == .existing(new))
            #expect(try await deadLetters(in: world).isEmpty)
            let claim = try #require(await world.claim(5).first)
            #expect(claim.lease.job == new && claim.body == job.body && claim.headers == job.headers)
            #expect(claim.deadline == nil && claim.chargedAttempts == 0)
            let record = try await world.record(new)
            #expect(record.replayOf == old && record.priority == job.priority && record.metadata == job.metadata)
            #expect(try await world.record(old).replayedAs == new)
            #expect(try await world.state(old) == .errored)
            try await world.finish(claim.lease)
            #expect(try await world.takeAll().count == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `only what ended without success is replayed, and only by its owner`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let id = try await world.submit()
            #expect(try await replay(id, in: world) == .refused(.queued))
            let lease = try await world.claimOne()
            #expect(try await replay(id, in: world) == .refused(.running))
            try await world.finish(lease)
            #expect(try await replay(id, in: world) == .refused(.succeeded))
            let canceled = try await world.submit()
            _ = try await world.store.cancel(canceled, of: .sample(), at: world.now)
            #expect(try await replay(canceled, of: .sample("other"), in: world) == .unknown)
            #expect(try await replay(.sample(at: world.now), in: world) == .unknown)
            guard case .replayed = try await replay(canceled, of: .sample(), in: world) else {
                throw Unexpected(what: "not replayed")
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a replay that names a job twice makes one, and a full queue takes none`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run(maxDepth: 1) { world in
            let old = try await world.submit()
            try await world.finish(try await world.claimOne(), as: .errored)
            let blocking = try await world.submit()
            await #expect(throws: JobStoreError.full(depth: 1, limit: 1)) { try await replay(old, in: world) }
            _ = try await world.store.cancel(blocking, of: .sample(), at: world.now)
            let (first, second) = (JobID.sample(at: world.now), JobID.sample(at: world.now))
            let outcomes = try await world.store.replay(
                [Replay(old, as: first), Replay(old, as: second)], of: nil, at: world.now)
            #expect(outcomes == [.replayed(first), .existing(first)])
            #expect(try await world.store.counts(of: nil)[.queued] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `lists are filtered by model and time`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let start = world.now
            var ids: [JobID] = []
            for model in ["a", "b", "a"] {
                ids.append(try await world.submit(.sample(at: world.now, model: model)))
                world.clock.advance(by: .seconds(10))
            }
            func list(_ change: (inout JobQuery) -> Void) async throws -> [JobID] {
                var query = JobQuery(tenant: nil, limit: 10)
                change(&query)
                return try await world.store.list(query).jobs.map(\.id)
            }
            #expect(try await list { $0.model = "a" } == [ids[2], ids[0]])
            #expect(try await list { $0.since = start.advanced(by: .seconds(10)) } == [ids[2], ids[1]])
            #expect(try await list { $0.until = start.advanced(by: .seconds(10)) } == [ids[0]])
            #expect(try await list { $0.model = "c" }.isEmpty)
        }
    }
}
