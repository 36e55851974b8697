import Domain
import Queue

// Batches pass through: no fault is scripted for them.
extension FaultyStore {
    func beginBatch(_ batch: NewBatch) async throws(JobStoreError) {
        try await base.beginBatch(batch)
    }

    func addToBatch(_ id: BatchID, _ items: [BatchItem], at now: Timestamp) async throws(JobStoreError)
        -> BatchAddition
    {
        try await base.addToBatch(id, items, at: now)
    }

    func openBatch(_ id: BatchID, idempotency: IdempotencyKey?, at now: Timestamp) async throws(JobStoreError)
        -> BatchOpening
    {
        try await base.openBatch(id, idempotency: idempotency, at: now)
    }

    func abandonBatch(_ id: BatchID) async throws(JobStoreError) {
        try await base.abandonBatch(id)
    }

    func batch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> BatchRecord? {
        try await base.batch(id, of: tenant)
    }

    func batches(_ query: BatchQuery) async throws(JobStoreError) -> BatchPage {
        try await base.batches(query)
    }

    func batchResults(
        _ id: BatchID, of tenant: TenantID, after: Int64, limit: Int, bytes: Int
    ) async throws(JobStoreError) -> [BatchResult] {
        try await base.batchResults(id, of: tenant, after: after, limit: limit, bytes: bytes)
    }

    func cancelBatch(_ id: BatchID, of tenant: TenantID, at now: Timestamp) async throws(JobStoreError)
        -> BatchRecord?
    {
        try await base.cancelBatch(id, of: tenant, at: now)
    }

    func deleteBatch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> Bool? {
        try await base.deleteBatch(id, of: tenant)
    }

    func advanceBatches(
        limit: Int, abandonedBefore: Timestamp, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try await base.advanceBatches(limit: limit, abandonedBefore: abandonedBefore, at: now)
    }
}
