import Domain
import Logging
import Queue
import ServiceLifecycle
import Synchronization
import Telemetry

/// Puts jobs back whose worker has vanished, ends jobs whose deadline has passed, and mends what the relay has timed
/// itself when the wall clock is set back. Any number of them may run.
struct LeaseReaper: Service {
    private static let limit = 500
    /// Processes of one machine differ by less.
    private static let tolerance = Duration.seconds(2)
    private let services: WorkerServices
    private let latest = LatestInstant()

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
            try await mendClockStep()
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

    /// Without this, what was due "now" by the old clock would wait until the new one gets there.
    private func mendClockStep() async throws {
        let now = services.wall.now()
        try await latest.replace(by: now) {
            try await services.store.latestTime()
        } after: { before in
            if before > now.advanced(by: Self.tolerance) { try await mend(from: before, to: now) }
        }
    }

    private func mend(from before: Timestamp, to now: Timestamp) async throws {
        let step = before.duration(since: now)
        services.logger.warning(
            "the clock was set back; jobs and leases are timed anew", metadata: [LogKey.seconds: "\(step.seconds)"])
        _ = try await services.store.rebase(
            by: step, keeping: services.configuration.lease / 3, limit: Self.limit, at: now)
    }

    /// Between three and five quarters of `interval`, so that the reapers of many processes spread.
    private func jittered(_ interval: Duration) -> Duration {
        let range = (interval * 3 / 4).microseconds...(interval * 5 / 4).microseconds
        return .microseconds(services.random.withLock { Int64.random(in: range, using: &$0) })
    }
}

/// The last instant that was seen.
private final class LatestInstant: Sendable {
    private let known = Mutex<Timestamp?>(nil)

    /// - Parameters:
    ///   - first: says the one before, the first time.
    ///   - body: gets the one before. If it throws, nothing is replaced, so that the next call has the same to do.
    func replace(
        by now: Timestamp, first: () async throws -> Timestamp?, after body: (Timestamp) async throws -> Void
    ) async throws {
        let before = known.withLock { $0 }
        if let before = before == nil ? try await first() : before { try await body(before) }
        known.withLock { $0 = now }
    }
}
