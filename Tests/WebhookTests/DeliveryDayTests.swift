import Domain
import Logging
import Queue
import TestSupport
import Testing
import Upstream

@testable import Webhook

/// One delivery's way through the store and the sender, in injected time.
struct DeliveryDayTests {
    private let clock = ManualClock()
    private let store: MemoryJobStore

    init() {
        store = MemoryJobStore(clock: clock, random: SeededGenerator(seed: 1))
    }

    private func announce() async throws {
        _ = try await store.submit([.sample(at: clock.timestamp, webhook: .url("https://a.test/"))])
        let claims = try await store.claim(limit: 1, bytes: .max, by: "w", at: clock.timestamp, for: .seconds(60))
        let lease = try #require(claims.first).lease
        try await store.settle(
            Settlement(
                lease: lease, outcome: .ended(.succeeded, .sample()), attempt: .sample(lease, at: clock.timestamp)))
    }

    private func claim() async throws -> [Delivery] {
        try await store.claimDeliveries(
            DeliveryDemand(slots: DeliverySlots(1000), perLane: 8, inlineLimit: .max, limit: 9), at: clock.timestamp,
            for: .seconds(20))
    }

    private func record() async throws -> DeliveryRecord {
        try #require(try await store.deliveries(DeliveryQuery(tenant: nil)).records.first)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `Days of 500s are attempted exactly on the schedule, with the same id and bytes`(_ seed: UInt64) async throws {
        let receiver = FakeReceiver { _ in .status(500) }
        let sender = DeliverySender(
            configuration: WebhookConfiguration(), transport: receiver, secrets: FixedSecrets(), wall: clock.wall,
            random: SeededGenerator(seed: seed), logger: Logger(label: "test"))
        try await announce()
        for delay in DeliverySchedule.standard.delays {
            try await attempt(with: sender)
            let due = try #require(try await record().dueAt)
            let wait = due.duration(since: clock.timestamp)
            #expect(wait >= delay * 0.9 && wait <= delay * 1.1)
            clock.advance(by: wait - .microseconds(1))
            #expect(try await claim().isEmpty, "not a moment before it is due")
            clock.advance(by: .microseconds(1))
        }
        try await attempt(with: sender)
        #expect(try await record().state == .failed)
        #expect(receiver.requests.count == 10)
        #expect(Set(receiver.requests.map(\.body)).count == 1)
        #expect(Set(receiver.requests.map { $0.headers.first("webhook-id") }).count == 1)
        #expect(Set(receiver.requests.map { $0.headers.first("webhook-timestamp") }).count == 10)
    }

    private func attempt(with sender: DeliverySender) async throws {
        let claimed = try await claim()
        #expect(claimed.count == 1)
        for delivery in claimed {
            let (outcome, log) = await sender.send(delivery)
            _ = try await store.settleDelivery(delivery, as: outcome, log: log, rules: EndpointRules())
        }
    }
}
