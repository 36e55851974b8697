import Domain
import Queue
import TestSupport
import Testing

@testable import Webhook

/// Many endpoints, of which some are dead, in injected time: what an attempt takes is given, and nothing else takes any.
struct IsolationTests {
    /// What an endpoint does with an attempt.
    private enum Receiver {
        case live, hangs, refuses
        /// It answers 200, but late.
        case slow

        var time: Duration {
            switch self {
            case .live: .milliseconds(20)
            case .hangs: WebhookConfiguration().timeout
            case .refuses: .milliseconds(1)
            case .slow: .seconds(10)
            }
        }

        var isGood: Bool { self == .live || self == .slow }
    }

    /// Receivers of one kind that a tenant has, each with an origin of its own.
    private struct Crowd {
        let tenant: TenantID
        let receiver: Receiver
        let count: Int
        /// Of each of them.
        var events = 10
        /// Whether they are registered; else jobs name their URLs.
        var areRegistered = true
    }

    private struct Attempt {
        let delivery: Delivery
        let receiver: Receiver
        let endsAt: Timestamp
    }

    private let others = TenantID.sample("other")

    @Test func `Live endpoints get all of 1,000 events as soon as they would without the dead ones`() async throws {
        let live = Crowd(tenant: .sample(), receiver: .live, count: 90)
        let dead = [Receiver.hangs, .refuses].map { Crowd(tenant: .sample(), receiver: $0, count: 5) }
        let alone = try await timeForLive([live])
        let together = try await timeForLive(dead + [live])
        #expect(together <= alone * 1.05, "\(together) instead of \(alone)")
    }

    @Test func `A tenant whose jobs name hundreds of dead hosts delays no other tenant`() async throws {
        let live = Crowd(tenant: others, receiver: .live, count: 20)
        let dead = Crowd(tenant: .sample(), receiver: .hangs, count: 600, events: 1, areRegistered: false)
        let alone = try await timeForLive([live])
        let together = try await timeForLive([dead, live])
        #expect(together <= alone * 1.05, "\(together) instead of \(alone)")
    }

    @Test func `Receivers that never fail but are slow delay neither other tenants nor their own tenant's fast ones`()
        async throws
    {
        let slow = Crowd(tenant: .sample(), receiver: .slow, count: 100, events: 4)
        for tenant in [others, .sample()] {
            let live = Crowd(tenant: tenant, receiver: .live, count: 20)
            let alone = try await timeForLive([live])
            let together = try await timeForLive([slow, live])
            #expect(together <= alone * 1.05, "\(together) instead of \(alone)")
        }
    }

    /// How long the live ones wait for their last event.
    private func timeForLive(_ crowds: [Crowd]) async throws -> Duration {
        let clock = ManualClock()
        let store = MemoryJobStore(maxDepth: 100_000, clock: clock, random: SeededGenerator(seed: 1))
        for (index, crowd) in crowds.enumerated() { try await announce(crowd, index, in: store, at: clock.timestamp) }
        let configuration = WebhookConfiguration()
        let began = clock.timestamp
        var missing = crowds.reduce(0) { $0 + ($1.receiver == .live ? $1.count * $1.events : 0) }
        var (underWay, slots) = ([Attempt](), DeliverySlots(configuration.concurrency))
        while missing > 0 {
            let now = clock.timestamp
            let demand = DeliveryDemand(
                slots: slots, perLane: configuration.endpointConcurrency, inlineLimit: configuration.inlineLimit)
            let claimed = try await store.claimDeliveries(demand, at: now, for: configuration.lease)
            for delivery in claimed {
                let receiver = crowds[try crowd(of: delivery)].receiver
                slots.take(1, for: delivery.tenant, areSuspect: delivery.isSuspect)
                underWay.append(
                    Attempt(delivery: delivery, receiver: receiver, endsAt: now.advanced(by: receiver.time)))
            }
            guard claimed.isEmpty else { continue }
            let next = try #require(underWay.map(\.endsAt).min(), "nothing is due although \(missing) are missing")
            clock.advance(by: next.duration(since: now))
            for attempt in underWay where attempt.endsAt == next {
                try await settle(attempt, in: store)
                slots.give(back: 1, of: attempt.delivery.tenant, wereSuspect: attempt.delivery.isSuspect)
                missing -= attempt.receiver == .live ? 1 : 0
            }
            underWay.removeAll { $0.endsAt == next }
        }
        return clock.timestamp.duration(since: began)
    }

    private func announce(
        _ crowd: Crowd, _ index: Int, in store: MemoryJobStore, at now: Timestamp
    ) async throws {
        let urls = (0..<crowd.count).map { "https://\(index)-\($0).test/" }
        for (number, url) in urls.enumerated() where crowd.areRegistered {
            let endpoint = WebhookEndpoint(
                id: "whe_\(index)_\(number)", tenant: crowd.tenant, url: url, events: [],
                secret: EndpointSecret(sealed: [1], createdAt: now), createdAt: now)
            #expect(try await store.addEndpoint(endpoint, sealedUnder: 1, limit: WebhookEndpoint.most))
        }
        for _ in 0..<crowd.events {
            _ = try await store.submit(
                urls.enumerated().map { number, url in
                    let target = crowd.areRegistered ? WebhookTarget.endpoint("whe_\(index)_\(number)") : .url(url)
                    return .sample(tenant: crowd.tenant, at: now, webhook: target)
                })
            for claim in try await store.claim(limit: crowd.count, bytes: .max, by: "w", at: now, for: .seconds(60)) {
                try await store.settle(
                    Settlement(
                        lease: claim.lease, outcome: .ended(.succeeded, .sample()),
                        attempt: .sample(claim.lease, at: now)))
            }
        }
    }

    private func settle(_ attempt: Attempt, in store: MemoryJobStore) async throws {
        let (isGood, now) = (attempt.receiver.isGood, attempt.endsAt)
        let outcome: DeliveryOutcome =
            isGood ? .delivered(at: now, status: 200) : .retry(at: now.advanced(by: .seconds(5)), error: "dead")
        let log = DeliveryAttempt(
            attempt: attempt.delivery.attempt, startedAt: now.advanced(by: .zero - attempt.receiver.time), endedAt: now,
            status: isGood ? 200 : nil, error: nil)
        _ = try await store.settleDelivery(attempt.delivery, as: outcome, log: log, rules: EndpointRules())
    }

    private func crowd(of delivery: Delivery) throws -> Int {
        try #require(Int(delivery.url.dropFirst("https://".count).prefix { $0 != "-" }))
    }
}
