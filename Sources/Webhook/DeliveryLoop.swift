package import Domain
package import Logging
import Metrics
package import Queue
import ServiceLifecycle
import Synchronization
import Telemetry
package import Upstream

/// Delivers what is due in the outbox, several at once. At least once: a delivery whose record is lost is sent again,
/// with the same id. A shutdown stops the claiming and lets the attempts under way finish.
package final class DeliveryLoop: Service {
    private enum Event {
        case attempted
        /// Something may be due.
        case news
    }

    private let configuration: WebhookConfiguration
    private let store: any JobStore
    private let sender: DeliverySender
    private let wall: any WallClock
    private let logger: Logger

    package init(
        configuration: WebhookConfiguration, store: any JobStore, transport: any Transport,
        secrets: any WebhookSecrets, wall: any WallClock, logger: Logger,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.configuration = configuration
        self.store = store
        self.wall = wall
        self.logger = logger
        sender = DeliverySender(
            configuration: configuration, transport: transport, secrets: secrets, wall: wall, random: random)
    }

    package func run() async throws {
        await withTaskGroup(of: Event.self) { group in
            var underWay = 0
            var isListening = false
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                let seen = store.changeCount(.deliveries)
                let claimed = await claim(upTo: configuration.concurrency - underWay)
                for delivery in claimed { group.addTask { await self.attempt(delivery) } }
                underWay += claimed.count
                guard claimed.isEmpty || underWay == configuration.concurrency else { continue }
                if !isListening {
                    group.addTask { await self.listen(since: seen) }
                    isListening = true
                }
                switch await group.next() {
                case .attempted: underWay -= 1
                case .news, nil: isListening = false
                }
            }
        }
    }

    private func claim(upTo limit: Int) async -> [Delivery] {
        guard limit > 0 else { return [] }
        do {
            return try await store.claimDeliveries(
                DeliveryDemand(limit: limit, perLane: limit, suspects: limit), at: wall.now(), for: configuration.lease)
        } catch {
            logger.error("deliveries not claimed; trying again", metadata: [LogKey.error: "\(error)"])
            return []
        }
    }

    private func listen(since seen: UInt64) async -> Event {
        await cancelWhenGracefulShutdown { [store, configuration] in
            await store.waitForChange(.deliveries, since: seen, upTo: configuration.idle)
        }
        return .news
    }

    private func attempt(_ delivery: Delivery) async -> Event {
        let begun = wall.now()
        let outcome = await sender.send(delivery)
        Counter(label: MetricName.deliveries, dimensions: [(MetricLabel.outcome, outcome.word)]).increment()
        if case .failed(_, let error) = outcome {
            logger.warning(
                "delivery given up", metadata: [LogKey.delivery: "\(delivery.id)", LogKey.error: "\(error)"])
        }
        do {
            let log = DeliveryAttempt(
                attempt: delivery.attempt, startedAt: begun, endedAt: wall.now(), status: nil, error: nil)
            _ = try await store.settleDelivery(delivery, as: outcome, log: log, rules: EndpointRules())
        } catch {
            logger.error(
                "delivery not recorded; it will be sent again",
                metadata: [LogKey.delivery: "\(delivery.id)", LogKey.error: "\(error)"])
        }
        return .attempted
    }
}

extension DeliveryOutcome {
    /// The value of the metric's label.
    fileprivate var word: String {
        switch self {
        case .delivered: "delivered"
        case .retry: "retry"
        case .failed: "failed"
        case .gone: "gone"
        case .postponed: "postponed"
        }
    }
}
