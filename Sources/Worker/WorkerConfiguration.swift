package import Domain

/// What a worker process may do at once, and for how long.
package struct WorkerConfiguration: Hashable, Sendable {
    /// This worker's name in leases: unique among the processes of a store.
    package var name: String
    /// Calls under way at most; as many outcomes again may wait to be recorded. 1...10,000.
    package var concurrency = 256
    /// Bytes of the bodies under way at most; one job runs whatever its size.
    package var bytesInFlight = 256 << 20
    /// Jobs of one claim at most. 1...1000.
    package var claimLimit = 200
    /// How long a claimed job is hidden from other workers; renewed at a third of it.
    package var lease = Duration.seconds(30)
    /// How long attempts under way may go on after a shutdown was asked for.
    package var drain = Duration.seconds(30)
    /// How long to wait for news before the queue is looked at all the same.
    package var idle = Duration.milliseconds(250)
    /// How often expired leases and passed deadlines are looked for.
    package var reapInterval = Duration.seconds(1)
    /// How long ended jobs are kept; nil for ever.
    package var retentionAge: Duration?
    /// What the store may take of the disk before the oldest ended jobs are deleted; nil for no limit.
    package var retentionBytes: Int?
    /// How often retention is looked after.
    package var sweepInterval = Duration.seconds(60)
    package var retry = RetryPolicy.jobs

    package init(name: String) {
        self.name = name
    }
}
