import Domain
import Queue
import TestSupport
import Testing

struct IntakeTests {
    @Test(arguments: StoreUnderTest.all)
    func `a submitted job is found with all that was given`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let now = world.now
            let job = NewJob.sample(
                at: now, body: Array("{\"é\":\"\u{0}\"}".utf8),
                headers: [HeaderField("X-Ünï", ""), HeaderField("a", "b\r\n")],
                priority: 7, deadline: now.advanced(by: .seconds(60)), metadata: Array("{}".utf8))
            let id = try await world.submit(job)
            let record = try await world.record(id)
            #expect(record.state == .queued && record.attempts == 0 && record.priority.value == 7)
            #expect(record.tenant == job.tenant && record.model == job.model && record.metadata == job.metadata)
            #expect(record.createdAt == now && record.runAt == now && record.deadline == job.deadline)
            #expect(record.endedAt == nil && record.resultStatus == nil && !record.isCancelRequested)
            let claim = try #require(await world.claim().first)
            #expect(claim.body == job.body && claim.headers == job.headers && claim.tenant == job.tenant)
            #expect(claim.digest == job.digest && claim.digest == BodyDigest(job.body))
            #expect(claim.deadline == job.deadline && claim.createdAt == now && claim.firstClaimedAt == now)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `jobs of one submission keep their order`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let jobs = (0..<50).map { _ in NewJob.sample(at: world.now) }
            let outcomes = try await world.store.submit(jobs)
            #expect(outcomes == jobs.map { .accepted($0.id) })
            #expect(try await world.claim(50).map(\.lease.job) == jobs.map(\.id))
            #expect(try await world.store.submit([]).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an idempotency key finds its first job until it expires`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            func job(_ fingerprint: UInt8, tenant: String = "acme") -> NewJob {
                let expiry = world.now.advanced(by: .seconds(10))
                let key = IdempotencyKey(key: "k", fingerprint: [fingerprint], expiresAt: expiry)
                return .sample(tenant: .sample(tenant), at: world.now, idempotency: key)
            }
            let first = try await world.submit(job(1))
            #expect(try await world.store.submit([job(1)]) == [.existing(first)])
            #expect(try await world.store.submit([job(2)]) == [.idempotencyConflict(first)])
            _ = try await world.submit(job(1, tenant: "other"))
            world.clock.advance(by: .seconds(10))
            let second = try await world.submit(job(2))
            #expect(try await world.store.submit([job(2)]) == [.existing(second)])
            #expect(try await world.store.counts(of: .sample())[.queued] == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `one submission may use a key twice`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let key = IdempotencyKey(key: "k", fingerprint: [1], expiresAt: world.now.advanced(by: .seconds(1)))
            let jobs = (0..<2).map { _ in NewJob.sample(at: world.now, idempotency: key) }
            let outcomes = try await world.store.submit(jobs)
            #expect(outcomes == [.accepted(jobs[0].id), .existing(jobs[0].id)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `of concurrent submissions with one key exactly one is accepted`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let store = world.store
            let now = world.now
            let key = IdempotencyKey(key: "k", fingerprint: [1], expiresAt: now.advanced(by: .seconds(1)))
            let outcomes = try await withThrowingTaskGroup { group in
                for _ in 0..<32 { group.addTask { try await store.submit([.sample(at: now, idempotency: key)])[0] } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let accepted = outcomes.compactMap { outcome in
                if case .accepted(let id) = outcome { id } else { nil }
            }
            try #require(accepted.count == 1)
            #expect(outcomes.count { $0 == .existing(accepted[0]) } == 31)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an endpoint that the tenant does not have is refused`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_other", tenant: .sample("other"))
            let job = NewJob.sample(at: world.now, webhook: .endpoint("whe_other"))
            let good = NewJob.sample(at: world.now)
            #expect(try await world.store.submit([job, good]) == [.unknownEndpoint("whe_other"), .accepted(good.id)])
            #expect(try await world.store.job(job.id, of: nil) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a full queue refuses a submission as a whole`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run(maxDepth: 3) { world in
            let jobs = (0..<4).map { _ in NewJob.sample(at: world.now) }
            await #expect(throws: JobStoreError.full(depth: 0, limit: 3)) { try await world.store.submit(jobs) }
            #expect(try await world.store.counts(of: nil)[.queued] == 0)
            _ = try await world.store.submit(Array(jobs.prefix(3)))
            await #expect(throws: JobStoreError.full(depth: 3, limit: 3)) { try await world.submit() }
            let lease = try await world.claimOne()
            await #expect(throws: JobStoreError.full(depth: 3, limit: 3)) { try await world.submit() }
            try await world.finish(lease)
            _ = try await world.submit()
        }
    }
}
