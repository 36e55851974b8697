package import Domain
package import Logging
import Metrics
package import Queue
import ServiceLifecycle
import Synchronization
import Telemetry
package import Upstream

/// Delivers what is due in the outbox, many at once but few to one receiver. At least once: a delivery whose record is lost
/// is sent again, with the same id. A shutdown stops the claiming and lets the attempts under way finish.
package final class DeliveryLoop: Service {
    private let configuration: WebhookConfiguration
    private let store: any JobStore
    private let sender: DeliverySender
    private let wall: any WallClock
    private let logger: Logger
    private let slots: Mutex<DeliverySlots>

    package init(
        configuration: WebhookConfiguration, store: any JobStore, transport: any Transport,
        secrets: any WebhookSecrets, wall: any WallClock, logger: Logger,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.configuration = configuration
        self.store = store
        self.wall = wall
        self.logger = logger
        slots = Mutex(DeliverySlots(configuration.concurrency))
        sender = DeliverySender(
            configuration: configuration, transport: transport, secrets: secrets, wall: wall, random: random,
            logger: logger)
    }

    package func run() async throws {
        // Rung when something may be due or an attempt has ended; what rings during a claim is answered by the next one.
        let (bell, ringer) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { await self.listen(ringer) }
            await withGracefulShutdownHandler {
                for await _ in bell {
                    while !Task.isShuttingDownGracefully, !Task.isCancelled {
                        let claimed = await claim()
                        guard !claimed.isEmpty else { break }
                        for delivery in claimed {
                            group.addTask {
                                await self.attempt(delivery)
                                ringer.yield()
                            }
                        }
                    }
                }
            } onGracefulShutdown: {
                ringer.finish()
            }
        }
    }

    /// Rings for each news of the outbox, and when there has been none for a while.
    private func listen(_ ringer: AsyncStream<Void>.Continuation) async {
        await cancelWhenGracefulShutdown { [store, configuration] in
            while !Task.isCancelled {
                let seen = store.changeCount(.deliveries)
                ringer.yield()
                await store.waitForChange(.deliveries, since: seen, upTo: configuration.idle)
            }
        }
    }

    /// What there is room for. What is claimed holds a place.
    private func claim() async -> [Delivery] {
        let demand = DeliveryDemand(
            slots: slots.withLock { $0 }, perLane: configuration.endpointConcurrency,
            inlineLimit: configuration.inlineLimit)
        do {
            let claimed = try await store.claimDeliveries(demand, at: wall.now(), for: configuration.lease)
            slots.withLock { slots in
                for delivery in claimed { slots.take(1, for: delivery.tenant, areSuspect: delivery.isSuspect) }
            }
            return claimed
        } catch {
            logger.error("deliveries not claimed; trying again", metadata: [LogKey.error: "\(error)"])
            return []
        }
    }

    private func attempt(_ delivery: Delivery) async {
        defer {
            slots.withLock { $0.give(back: 1, of: delivery.tenant, wereSuspect: delivery.isSuspect) }
        }
        let (outcome, log) = await sender.send(delivery)
        report(outcome, of: delivery)
        do {
            let disabling = try await store.settleDelivery(delivery, as: outcome, log: log, rules: configuration.rules)
            if let disabling { report(disabling) }
        } catch {
            logger.error(
                "delivery not recorded; it will be sent again",
                metadata: [LogKey.delivery: "\(delivery.id)", LogKey.error: "\(error)"])
        }
    }

    private func report(_ outcome: DeliveryOutcome, of delivery: Delivery) {
        Counter(label: MetricName.deliveries, dimensions: [(MetricLabel.outcome, outcome.word)]).increment()
        switch outcome {
        case .delivered(let now, _):
            Recorder(label: MetricName.deliveryTime).record(now.duration(since: delivery.createdAt).seconds)
        case .failed(_, let error):
            logger.warning(
                "delivery given up", metadata: [LogKey.delivery: "\(delivery.id)", LogKey.error: "\(error)"])
        case .gone, .retry, .postponed: break
        }
    }

    private func report(_ disabling: EndpointDisabling) {
        logger.error(
            "webhook endpoint disabled: it is sent nothing until it is made active again",
            metadata: [
                LogKey.endpoint: "\(disabling.endpoint)", LogKey.tenant: "\(disabling.tenant)",
                LogKey.error: "\(disabling.reason)",
            ])
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
