import Domain
import Queue
import TestSupport
import Testing

/// Claims of jobs for one class of models.
struct ModelClassTests {
    private let opus = ModelClass(model: "claude-opus-4-1")
    private let haiku = ModelClass(model: "claude-haiku-4-5")

    private func submit(
        _ model: String, of tenant: String = "acme", priority: Int = 5, runAt: Timestamp? = nil, in world: World
    ) async throws -> JobID {
        let job = NewJob.sample(
            tenant: .sample(tenant), at: world.now, priority: priority, runAt: runAt, model: model)
        return try await world.submit(job)
    }

    private func claim(_ models: ModelClass?, limit: Int = 10, in world: World) async throws -> [JobID] {
        try await world.store.claim(
            limit: limit, bytes: .max, of: models, by: "w", at: world.now, for: .seconds(30)
        ).map(\.lease.job)
    }

    @Test(arguments: StoreUnderTest.all)
    func `a claim takes jobs of its class and leaves the others where they are`(_ backEnd: StoreUnderTest) async throws
    {
        try await backEnd.run { world in
            let slow = try await submit("claude-opus-4-1", priority: 9, in: world)
            let sibling = try await submit("claude-opus-4-7", in: world)
            let quick = try await submit("claude-haiku-4-5", in: world)
            #expect(Set(try await world.store.dueClasses(at: world.now)) == [opus, haiku])
            #expect(try await claim(.other, in: world).isEmpty)
            #expect(try await claim(haiku, in: world) == [quick])
            #expect(try await claim(haiku, in: world).isEmpty)
            #expect(try await world.store.dueClasses(at: world.now) == [opus])
            #expect(try await claim(opus, limit: 1, in: world) == [slow])
            #expect(try await claim(nil, in: world) == [sibling])
            #expect(try await world.store.dueClasses(at: world.now).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a class is due when the first of its jobs is`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await submit("claude-opus-4-1", in: world)
            let later = try await submit(
                "claude-haiku-4-5", runAt: world.now.advanced(by: .seconds(2)), in: world)
            #expect(try await world.store.dueClasses(at: world.now) == [opus])
            #expect(try await claim(haiku, in: world).isEmpty)
            world.clock.advance(by: .seconds(2))
            #expect(Set(try await world.store.dueClasses(at: world.now)) == [opus, haiku])
            #expect(try await claim(haiku, in: world) == [later])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `without a class the order is that of all jobs`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let first = try await submit("claude-opus-4-1", in: world)
            let second = try await submit("claude-haiku-4-5", in: world)
            let urgent = try await submit("m", priority: 8, in: world)
            world.clock.advance(by: .seconds(1))
            let third = try await submit("claude-opus-4-1", in: world)
            #expect(try await claim(nil, limit: 3, in: world) == [urgent, first, second])
            #expect(try await claim(nil, in: world) == [third])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `many tenants that wait for one class hold up nobody of another`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for tenant in 0..<100 { _ = try await submit("claude-opus-4-1", of: "t\(tenant)", in: world) }
            let quick = try await submit("claude-haiku-4-5", of: "late", in: world)
            #expect(try await claim(haiku, in: world) == [quick])
            #expect(try await claim(opus, limit: 3, in: world).count == 3)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a retried job keeps its class`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let job = try await submit("claude-haiku-4-5", in: world)
            let claimed = try await world.store.claim(
                limit: 1, bytes: .max, of: haiku, by: "w", at: world.now, for: .seconds(30))
            let lease = try #require(claimed.first?.lease)
            try await world.store.settle(
                Settlement(lease: lease, outcome: .retry(at: world.now), attempt: .sample(lease, at: world.now)))
            #expect(try await world.store.dueClasses(at: world.now) == [haiku])
            #expect(try await claim(haiku, in: world) == [job])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `names of any number of classes are taken, and every job is found by a due class`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            for number in 0..<99 {
                let family = String(decoding: [97 + UInt8(number / 10), 97 + UInt8(number % 10)], as: UTF8.self)
                _ = try await submit("claude-\(family)-4", in: world)
            }
            var found: Set<JobID> = []
            while case let due = try await world.store.dueClasses(at: world.now), !due.isEmpty {
                for models in due { found.formUnion(try await claim(models, in: world)) }
            }
            #expect(found.count == 99)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a job for a model with a very long name is claimed beside others`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await submit("claude-haiku-4-5", in: world)
            let long = try await submit("claude-" + String(repeating: "a", count: 40), in: world)
            #expect(Set(try await world.store.dueClasses(at: world.now)) == [haiku, .other])
            #expect(try await claim(.other, in: world) == [long])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `names that are no longer used make room for others, and keep it while one of their jobs waits or runs`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let waiting = try await submit("claude-waiting-1", in: world)
            let held = try await submit("claude-running-1", in: world)
            let running = try await world.store.claim(
                limit: 1, bytes: .max, of: ModelClass(model: "claude-running-1"), by: "w", at: world.now,
                for: .seconds(30))
            let lease = try #require(running.first?.lease)
            for number in 0..<90 {
                let family = String(decoding: [97 + UInt8(number / 10), 97 + UInt8(number % 10)], as: UTF8.self)
                let model = "claude-\(family)-4"
                let job = try await submit(model, in: world)
                let claimed = try await world.store.claim(
                    limit: 9, bytes: .max, of: ModelClass(model: model), by: "w", at: world.now, for: .seconds(30))
                #expect(claimed.map(\.lease.job) == [job])
                for claim in claimed { try await world.finish(claim.lease) }
            }
            let opusJob = try await submit("claude-opus-4-1", in: world)
            try await world.store.settle(
                Settlement(lease: lease, outcome: .retry(at: world.now), attempt: .sample(lease, at: world.now)))
            #expect(try await claim(opus, in: world) == [opusJob])
            #expect(try await claim(ModelClass(model: "claude-running-1"), in: world) == [held])
            #expect(try await claim(ModelClass(model: "claude-waiting-1"), in: world) == [waiting])
        }
    }
}
