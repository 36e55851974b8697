import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Does what Message Batches and erasures need after the call that asked for it has been answered: queues requests, cancels,
/// deletes, empties. Always a bounded step at a time, so that nobody waits for it. Any number of them may run.
struct BatchMover: Service {
    /// Requests of one step.
    private static let stepLimit = 500
    /// A batch whose client has sent nothing for so long is given up.
    private static let patience = Duration.seconds(3600)
    /// How long to wait for news before looking all the same.
    private static let idle = Duration.seconds(10)
    private let services: WorkerServices

    init(services: WorkerServices) {
        self.services = services
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let seen = services.store.changeCount(.batches)
                if await !step() {
                    await services.store.waitForChange(.batches, since: seen, upTo: Self.idle)
                }
            }
        }
    }

    /// - Returns: whether there may be more to do.
    func step() async -> Bool {
        let now = services.wall.now()
        do {
            let moved = try await services.store.advanceBatches(
                limit: Self.stepLimit, abandonedBefore: now.advanced(by: .zero - Self.patience), at: now)
            let erased = try await services.store.advanceErasures(limit: Self.stepLimit, at: now)
            return moved + erased > 0
        } catch {
            services.logger.error("batches or erasures not moved; trying again", metadata: [LogKey.error: "\(error)"])
            await services.sleep(.seconds(1))
            return true
        }
    }
}
