import Domain
import Logging
import Queue
import ServiceLifecycle
import TestSupport
import Testing
import Upstream

@testable import Webhook

@Suite(.timeLimit(.minutes(1)))
struct DeliveryLoopTests {
    private let clock = ManualClock()
    private let store: MemoryJobStore
    private var configuration = WebhookConfiguration()

    init() {
        store = MemoryJobStore(clock: clock, random: SeededGenerator(seed: 1))
    }

    private func group(_ receiver: FakeReceiver) -> ServiceGroup {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let loop = DeliveryLoop(
            configuration: configuration, store: store, transport: receiver, secrets: FixedSecrets(),
            wall: clock.wall, logger: logger, random: SeededGenerator(seed: 2))
        return ServiceGroup(configuration: .init(services: [.init(service: loop)], logger: logger))
    }

    /// Ends one job for each URL, so that one delivery to each is due, in this order.
    private func announce(_ urls: String...) async throws {
        for url in urls {
            _ = try await store.submit([.sample(at: clock.timestamp, webhook: .url(url))])
            let claims = try await store.claim(limit: 1, bytes: .max, by: "w", at: clock.timestamp, for: .seconds(60))
            let lease = try #require(claims.first).lease
            try await store.settle(
                Settlement(
                    lease: lease, outcome: .ended(.succeeded, .sample()), attempt: .sample(lease, at: clock.timestamp)))
        }
    }

    private func count(_ state: DeliveryState) async throws -> Int {
        try await store.deliveryCounts()[state] ?? 0
    }

    private func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() {
            try Task.checkCancellation()  // the time limit
            await Task.yield()
        }
    }

    @Test func `What is due is delivered, and what becomes due while it waits`() async throws {
        let receiver = FakeReceiver()
        let group = group(receiver)
        try await announce("https://a.test/")
        async let run: Void = group.run()
        try await until { try await count(.delivered) == 1 }
        await clock.waitForSleepers()
        try await announce("https://b.test/")
        try await until { try await count(.delivered) == 2 }
        #expect(receiver.requests.map(\.url) == ["https://a.test/", "https://b.test/"])
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `A receiver that hangs does not hold up another's deliveries`() async throws {
        var world = self
        world.configuration.concurrency = 6  // two of them for one tenant's new receivers
        let receiver = FakeReceiver(holding: ["https://slow.test/"])
        let group = world.group(receiver)
        try await announce("https://slow.test/", "https://a.test/", "https://b.test/", "https://c.test/")
        async let run: Void = group.run()
        try await until { try await count(.delivered) == 3 }
        #expect(receiver.peak == 2)
        receiver.release("https://slow.test/")
        try await until { try await count(.delivered) == 4 }
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `No more are under way than allowed`() async throws {
        var world = self
        world.configuration.concurrency = 6  // two of them for one tenant's new receivers
        let urls = (1...5).map { "https://\($0).test/" }
        let receiver = FakeReceiver(holding: Set(urls))
        let group = world.group(receiver)
        for url in urls { try await announce(url) }
        async let run: Void = group.run()
        try await until { receiver.waitingCount == 2 }
        try await until {
            for url in urls { receiver.release(url) }
            return try await count(.delivered) == 5
        }
        #expect(receiver.peak == 2)
        await group.triggerGracefulShutdown()
        try await run
    }

    @Test func `A shutdown lets attempts finish and starts no more`() async throws {
        var world = self
        world.configuration.concurrency = 1
        let receiver = FakeReceiver(holding: ["https://slow.test/"])
        let group = world.group(receiver)
        try await announce("https://slow.test/", "https://next.test/")
        async let run: Void = group.run()
        try await until { receiver.waitingCount == 1 }
        await clock.waitForSleepers()
        await group.triggerGracefulShutdown()
        try await until { clock.sleeperCount == 0 }  // it has heard of the shutdown
        receiver.release("https://slow.test/")
        try await run
        #expect(try await count(.delivered) == 1)
        #expect(receiver.requests.count == 1)
    }

    @Test func `Cut off, an attempt does not count and is due again at once`() async throws {
        let receiver = FakeReceiver(holding: ["https://slow.test/"])
        let group = group(receiver)
        try await announce("https://slow.test/")
        let run = Task { try await group.run() }
        try await until { receiver.waitingCount == 1 }
        run.cancel()
        _ = await run.result
        let again = try await store.claimDeliveries(
            DeliveryDemand(slots: DeliverySlots(9), perLane: 9, inlineLimit: .max), at: clock.timestamp,
            for: .seconds(60))
        #expect(again.map(\.attempt) == [1])
    }
}
