import Domain
import Logging
import Queue
import ServiceLifecycle
import Telemetry

/// Deletes ended jobs that are old, or the oldest when the store takes too much, and gives the space back. Always a
/// bounded slice at a time, so that nobody waits for it. Any number of them may run.
struct RetentionSweeper: Service {
    private static let sliceLimit = 500
    private static let shrinkBytes = 8 << 20
    /// Free space that is worth giving back: less is soon used again.
    private static let spareBytes = 64 << 20
    private let services: WorkerServices

    init(services: WorkerServices) {
        self.services = services
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await services.sleep(services.configuration.sweepInterval)
                await sweep()
            }
        }
    }

    /// Sweeps once.
    func sweep() async {
        do {
            var deleted = 0
            let now = services.wall.now()
            if let age = services.configuration.retentionAge {
                deleted += try await prune(before: now.advanced(by: .zero - age)) { true }
            }
            if let limit = services.configuration.retentionBytes {
                deleted += try await prune(before: now) { try await services.store.usage().usedBytes > limit }
            }
            if deleted > 0 { services.logger.info("old jobs deleted", metadata: [LogKey.count: "\(deleted)"]) }
            try await giveBack()
        } catch {
            services.logger.error("old jobs not deleted; trying again", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Deletes the oldest jobs that ended before `cutoff`, as long as `goesOn` says so. - Returns: how many.
    private func prune(before cutoff: Timestamp, while goesOn: () async throws -> Bool) async throws -> Int {
        var (deleted, next) = (0, Int64?(0))
        while let start = next, !Task.isCancelled, try await goesOn() {
            let slice = try await services.store.prune(endedBefore: cutoff, after: start, limit: Self.sliceLimit)
            deleted += slice.deleted
            next = slice.next
        }
        return deleted
    }

    private func giveBack() async throws {
        while !Task.isCancelled {
            let usage = try await services.store.usage()
            guard usage.freeBytes > max(Self.spareBytes, usage.fileBytes / 4),
                try await services.store.shrink(by: Self.shrinkBytes) > 0
            else { return }
        }
    }
}
