package import Domain

/// Where Message Batches live: groups of jobs that are accepted, cancelled and deleted together.
///
/// A batch is received in parts that nobody sees and becomes visible, whole, by ``openBatch(_:idempotency:at:)``.
/// What concerns all its requests is then done in bounded steps by ``advanceBatches(limit:abandonedBefore:at:)``, which
/// any process may call and which goes on where a killed one stopped.
package protocol BatchStore: Sendable {
    // MARK: Creation

    func beginBatch(_ batch: NewBatch) async throws(JobStoreError)
    /// Adds requests to a batch that is being received, all or none.
    func addToBatch(_ id: BatchID, _ items: [BatchItem], at now: Timestamp) async throws(JobStoreError)
        -> BatchAddition
    /// Accepts the batch: durable and visible when it returns.
    /// - Throws: `.full` when the queue has no room for its requests.
    func openBatch(_ id: BatchID, idempotency: IdempotencyKey?, at now: Timestamp) async throws(JobStoreError)
        -> BatchOpening
    /// Gives a batch up that has not been opened; its parts are deleted in steps.
    func abandonBatch(_ id: BatchID) async throws(JobStoreError)

    // MARK: Owners

    func batch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> BatchRecord?
    func batches(_ query: BatchQuery) async throws(JobStoreError) -> BatchPage
    /// Results in the order of submission, those whose request has ended. Returns about `bytes` of them at most, one if
    /// it is larger.
    /// - Parameter after: ``BatchResult/position`` of the last one known; 0 to begin.
    /// - Throws: `.erased` of a batch whose tenant's data was erased.
    func batchResults(_ id: BatchID, of tenant: TenantID, after: Int64, limit: Int, bytes: Int)
        async throws(JobStoreError) -> [BatchResult]
    /// Cancels what has not been sent; what is under way may still succeed. Changes nothing if it has ended.
    /// - Returns: the batch afterwards; nil if `tenant` has no such batch.
    func cancelBatch(_ id: BatchID, of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BatchRecord?
    /// Deletes an ended batch with its results. - Returns: nil if `tenant` has no such batch; whether it had ended.
    func deleteBatch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> Bool?

    // MARK: Upkeep

    /// Does one bounded step of what batches need: queues requests of opened ones, cancels, deletes.
    /// - Parameters:
    ///   - limit: requests of one step at most.
    ///   - abandonedBefore: batches that have received nothing since then are given up.
    /// - Returns: requests that were moved; 0 when there is nothing to do.
    func advanceBatches(limit: Int, abandonedBefore: Timestamp, at now: Timestamp) async throws(JobStoreError) -> Int
}

/// What became of a part of a batch.
package enum BatchAddition: Hashable, Sendable {
    case added
    /// The batch has a request of that name already; nothing was added.
    case duplicate(CustomID)
    /// The batch is gone: it was given up, by a clock step or a stalled client.
    case gone
}

/// What became of the opening of a batch.
package enum BatchOpening: Hashable, Sendable {
    case opened(BatchRecord)
    /// The idempotency key was used for the same batch before: that one. The new one is given up.
    case existing(BatchRecord)
    /// The idempotency key was used for another batch. The new one is given up.
    case idempotencyConflict(BatchID)
    /// The tenant's limits have no room for it. The batch is given up.
    case refused(AdmissionRefusal)
    case gone
}

/// One ended request of a batch.
package struct BatchResult: Hashable, Sendable {
    /// Grows in the order of submission.
    package let position: Int64
    package let customID: String
    /// Terminal.
    package let state: JobState
    package let result: JobResult

    package init(position: Int64, customID: String, state: JobState, result: JobResult) {
        self.position = position
        self.customID = customID
        self.state = state
        self.result = result
    }
}

/// Which batches to list; newest first on every page.
package struct BatchQuery: Hashable, Sendable {
    package static let limits = 1...1000

    package enum Start: Hashable, Sendable {
        case newest
        /// The page right after this batch: older ones.
        case after(BatchID)
        /// The page right before this batch: the nearest newer ones.
        case before(BatchID)
    }

    package let tenant: TenantID
    package let start: Start
    package let limit: Int

    /// - Parameter limit: within ``limits``.
    package init(tenant: TenantID, start: Start = .newest, limit: Int = 20) {
        self.tenant = tenant
        self.start = start
        self.limit = min(max(limit, Self.limits.lowerBound), Self.limits.upperBound)
    }
}

/// A part of a list of batches, newest first.
package struct BatchPage: Hashable, Sendable {
    package let batches: [BatchRecord]
    /// Whether there are more in the direction of travel.
    package let hasMore: Bool

    package init(batches: [BatchRecord], hasMore: Bool) {
        self.batches = batches
        self.hasMore = hasMore
    }
}
