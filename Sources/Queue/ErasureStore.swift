package import Domain

/// Erases what a tenant has sent and got: at once in effect, and then, in bounded steps that any process may make, in every
/// row. Where payloads are sealed, the tenant's data key is dropped by it, so that copies of the file do not open either.
package protocol ErasureStore: Sendable {
    /// What ``erase(_:at:)`` would reach now; nil if there is no such tenant.
    func erasable(of tenant: TenantID) async throws(JobStoreError) -> ErasureScope?
    /// Drops the tenant's data key and forbids that anything is read or sent that it has submitted so far. What is
    /// unfinished ends as canceled: running calls are told, the rest follows by ``advanceErasures(limit:at:)``. What the
    /// tenant submits later has nothing to do with it.
    /// - Returns: what it has reached; nil if there is no such tenant.
    func erase(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> ErasureScope?
    /// Does one bounded step of what erasures have left to do: ends jobs, empties rows.
    /// - Parameter limit: jobs of one step at most.
    /// - Returns: 0 when there is nothing to do.
    func advanceErasures(limit: Int, at now: Timestamp) async throws(JobStoreError) -> Int
    /// Lets go of data keys that were dropped, by whichever process; at least once a second in each that reads or writes.
    func forgetDroppedKeys() async throws(JobStoreError)
}

/// What an erasure reaches.
package struct ErasureScope: Hashable, Sendable {
    /// The tenant's jobs that are in the store, those of earlier erasures included.
    package let jobs: [JobState: Int]
    /// Its batches that are in the store, the same.
    package let batches: Int
    /// Requests of its batches that are no jobs yet.
    package let staged: Int
    /// Whether it has a data key: whether something was sealed for it since the last erasure.
    package let hasDataKey: Bool

    package init(jobs: [JobState: Int], batches: Int, staged: Int, hasDataKey: Bool) {
        self.jobs = jobs
        self.batches = batches
        self.staged = staged
        self.hasDataKey = hasDataKey
    }

    /// Jobs and requests that have not ended.
    package var unfinished: Int { (jobs[.queued] ?? 0) + (jobs[.running] ?? 0) + staged }

    /// For people.
    package var words: String {
        let all = jobs.values.reduce(0, +)
        let key = hasDataKey ? "and its data key" : "it has no data key"
        return "\(all) jobs, \(batches) batches, of these \(unfinished) requests unfinished; \(key)"
    }
}
