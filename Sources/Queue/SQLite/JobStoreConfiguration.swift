/// The limits of a ``SQLiteJobStore``.
package struct JobStoreConfiguration: Hashable, Sendable {
    /// Unfinished jobs that the queue holds at most; more are refused as `.full`. Default 10,000,000.
    package let maxDepth: Int
    /// Operations that share one transaction at most. Default 512.
    package var batchLimit = 512
    /// Bytes that the operations of one transaction bring at most; a larger operation goes alone. Default 4 MiB.
    package var batchBytes = 4 << 20
    /// Operations that wait for their transaction at most; more are refused as `.busy`. Default 10,000.
    package let maxPendingWrites: Int
    /// Bytes of the operations that wait, at most; more are refused as `.busy`. Default 256 MiB.
    package var maxPendingBytes = 256 << 20
    /// How long to wait for another process's transaction. Default 10 s.
    package var busyTimeout = Duration.seconds(10)
    /// How often to look for other processes' commits, should their bell not be heard. Default 1 s.
    package var pollInterval = Duration.seconds(1)

    package init(maxDepth: Int = 10_000_000, maxPendingWrites: Int = 10_000) {
        self.maxDepth = max(1, maxDepth)
        self.maxPendingWrites = max(1, maxPendingWrites)
    }
}
