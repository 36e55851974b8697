import Domain
import Logging
import Queue
import ServiceLifecycle
import Synchronization
import Telemetry

/// Puts jobs back whose worker has vanished, and ends jobs whose deadline has passed. Any number of them may run.
struct LeaseReaper: Service {
    private static let limit = 500
    private let services: WorkerServices

    init(services: WorkerServices) {
        self.services = services
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await reap()
                await services.sleep(jittered(services.configuration.reapInterval))
            }
        }
    }

    /// Reaps all that is due now, a bounded slice a transaction.
    func reap() async {
        do {
            while !Task.isCancelled {
                let count = try await services.store.reap(
                    limit: Self.limit, maxAttempts: services.configuration.retry.maxAttempts, at: services.wall.now())
                if count > 0 { services.logger.info("jobs reaped", metadata: [LogKey.count: "\(count)"]) }
                guard count >= Self.limit else { return }
            }
        } catch {
            services.logger.error("jobs not reaped; trying again", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Between three and five quarters of `interval`, so that the reapers of many processes spread.
    private func jittered(_ interval: Duration) -> Duration {
        let range = (interval * 3 / 4).microseconds...(interval * 5 / 4).microseconds
        return .microseconds(services.random.withLock { Int64.random(in: range, using: &$0) })
    }
}
