package import Domain

extension MemoryJobStore: BatchStore {
    package func beginBatch(_ batch: NewBatch) async throws(JobStoreError) {
        try change { model in
            _ = model.laneIndex(of: batch.tenant)
            model.batches.append(MemoryModel.Batch(new: batch, touchedAt: batch.createdAt))
        }
    }

    package func addToBatch(
        _ id: BatchID, _ items: [BatchItem], at now: Timestamp
    ) async throws(JobStoreError) -> BatchAddition {
        try change { $0.addToBatch(id, items, at: now) }
    }

    package func openBatch(
        _ id: BatchID, idempotency: IdempotencyKey?, at now: Timestamp
    ) async throws(JobStoreError) -> BatchOpening {
        try change { model throws(JobStoreError) in
            try model.openBatch(id, idempotency: idempotency, maxDepth: maxDepth, at: now)
        }
    }

    package func abandonBatch(_ id: BatchID) async throws(JobStoreError) {
        try change { $0.abandonBatch(id) }
    }

    package func batch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> BatchRecord? {
        try change { model in model.openIndex(of: id, tenant).map { model.batches[$0].record } }
    }

    package func batches(_ query: BatchQuery) async throws(JobStoreError) -> BatchPage {
        try change { $0.batches(query) }
    }

    package func batchResults(
        _ id: BatchID, of tenant: TenantID, after: Int64, limit: Int, bytes: Int
    ) async throws(JobStoreError) -> [BatchResult] {
        try change { model throws(JobStoreError) in
            guard let index = model.openIndex(of: id, tenant) else { return [] }
            guard !model.batches[index].isErased else { throw .erased }
            return model.batchResults(index, after: after, limit: limit, bytes: bytes)
        }
    }

    package func cancelBatch(
        _ id: BatchID, of tenant: TenantID, at now: Timestamp
    ) async throws(JobStoreError) -> BatchRecord? {
        try change { model in model.openIndex(of: id, tenant).map { model.cancelBatch($0, at: now) } }
    }

    package func deleteBatch(_ id: BatchID, of tenant: TenantID) async throws(JobStoreError) -> Bool? {
        try change { model in model.openIndex(of: id, tenant).map { model.deleteBatch($0) } }
    }

    package func advanceBatches(
        limit: Int, abandonedBefore: Timestamp, at now: Timestamp
    ) async throws(JobStoreError) -> Int {
        try change { $0.advanceBatches(limit: limit, abandonedBefore: abandonedBefore, at: now) }
    }
}
