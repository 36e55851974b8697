import Domain
import Queue
import TestSupport
import Testing

@testable import Webhook

/// Many endpoints, of which some are dead, in injected time: what an attempt takes is given, and nothing else takes any.
struct IsolationTests {
    private static let endpoints = 100
    private static let eventsEach = 10

    /// What an endpoint does with an attempt.
    private enum Receiver {
        case live, hangs, refuses

        var time: Duration {
            switch self {
            case .live: .milliseconds(20)
            case .hangs: WebhookConfiguration().timeout
            case .refuses: .milliseconds(1)
            }
        }
    }

    private struct Attempt {
        let delivery: Delivery
        let endsAt: Timestamp
    }

    @Test func `Live endpoints get all of 1,000 events as soon as they would without the dead ones`() async throws {
        let alone = try await timeForLive(dead: [:], endpoints: Self.endpoints - 10)
        var dead: [Int: Receiver] = [:]
        for number in 0..<10 { dead[number * 10] = number.isMultiple(of: 2) ? .hangs : .refuses }
        let together = try await timeForLive(dead: dead, endpoints: Self.endpoints)
        #expect(together <= alone * 1.05, "\(together) instead of \(alone)")
    }

    /// How long the live ones of `endpoints` wait for their last event.
    private func timeForLive(dead: [Int: Receiver], endpoints: Int) async throws -> Duration {
        let clock = ManualClock()
        let store = MemoryJobStore(clock: clock, random: SeededGenerator(seed: 1))
        try await announce(to: endpoints, in: store, at: clock.timestamp)
        let receivers = (0..<endpoints).map { dead[$0] ?? .live }
        let configuration = WebhookConfiguration()
        let began = clock.timestamp
        var missing = (endpoints - dead.count) * Self.eventsEach
        var underWay: [Attempt] = []
        while missing > 0 {
            let now = clock.timestamp
            let demand = DeliveryDemand(
                limit: configuration.concurrency - underWay.count, perLane: configuration.endpointConcurrency,
                suspects: configuration.suspects - underWay.count { $0.delivery.isSuspect })
            let claimed = try await store.claimDeliveries(demand, at: now, for: configuration.lease)
            underWay += try claimed.map { delivery in
                Attempt(delivery: delivery, endsAt: now.advanced(by: receivers[try number(of: delivery)].time))
            }
            guard claimed.isEmpty else { continue }
            let next = try #require(underWay.map(\.endsAt).min(), "nothing is due although \(missing) are missing")
            clock.advance(by: next.duration(since: now))
            for attempt in underWay where attempt.endsAt == next {
                let isLive = receivers[try number(of: attempt.delivery)] == .live
                try await settle(attempt.delivery, isLive, in: store, at: next)
                missing -= isLive ? 1 : 0
            }
            underWay.removeAll { $0.endsAt == next }
        }
        return clock.timestamp.duration(since: began)
    }

    private func announce(to endpoints: Int, in store: MemoryJobStore, at now: Timestamp) async throws {
        for number in 0..<endpoints {
            let endpoint = WebhookEndpoint(
                id: "whe_\(number)", tenant: .sample(), url: "https://\(number).test/", events: [],
                secret: EndpointSecret(sealed: [1], createdAt: now), createdAt: now)
            try await store.addEndpoint(endpoint, sealedUnder: 1)
        }
        for _ in 0..<Self.eventsEach {
            _ = try await store.submit(
                (0..<endpoints).map { .sample(at: now, webhook: .endpoint("whe_\($0)")) })
            for claim in try await store.claim(limit: endpoints, bytes: .max, by: "w", at: now, for: .seconds(60)) {
                try await store.settle(
                    Settlement(
                        lease: claim.lease, outcome: .ended(.succeeded, .sample()),
                        attempt: .sample(claim.lease, at: now)))
            }
        }
    }

    private func settle(
        _ delivery: Delivery, _ isLive: Bool, in store: MemoryJobStore, at now: Timestamp
    ) async throws {
        let outcome: DeliveryOutcome =
            isLive ? .delivered(at: now, status: 200) : .retry(at: now.advanced(by: .seconds(5)), error: "dead")
        let log = DeliveryAttempt(
            attempt: delivery.attempt, startedAt: now, endedAt: now, status: isLive ? 200 : nil, error: nil)
        _ = try await store.settleDelivery(delivery, as: outcome, log: log, rules: EndpointRules())
    }

    private func number(of delivery: Delivery) throws -> Int {
        try #require(delivery.endpoint.flatMap { Int($0.id.dropFirst(4)) })
    }
}
