/// The limits of a ``SQLiteJobStore``.
package struct JobStoreConfiguration: Hashable, Sendable {
    /// Unfinished jobs that the queue holds at most; more are refused as `.full`. Default 10,000,000.
    package let maxDepth: Int
    /// Operations that share one transaction at most. Default 512.
    package let batchLimit: Int
    /// Operations that wait for their transaction at most; more are refused as `.unavailable`. Default 10,000.
    package let maxPendingWrites: Int
    /// How long to wait for another process's transaction. Default 10 s.
    package let busyTimeout: Duration
    /// How often to look for other processes' commits while somebody waits. Default 20 ms.
    package let pollInterval: Duration

    package init(
        maxDepth: Int = 10_000_000, batchLimit: Int = 512, maxPendingWrites: Int = 10_000,
        busyTimeout: Duration = .seconds(10), pollInterval: Duration = .milliseconds(20)
    ) {
        self.maxDepth = max(1, maxDepth)
        self.batchLimit = max(1, batchLimit)
        self.maxPendingWrites = max(1, maxPendingWrites)
        self.busyTimeout = busyTimeout
        self.pollInterval = pollInterval
    }
}
