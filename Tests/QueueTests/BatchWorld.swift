import Domain
import Queue
import TestSupport
import Testing

/// The short forms that tests of batches speak in.
extension World {
    static let batchHeaders = [HeaderField("anthropic-version", "2026-10-21"), HeaderField("anthropic-beta", "x")]

    func beginBatch(tenant: TenantID = .sample()) async throws -> BatchID {
        var random = SystemRandomNumberGenerator()
        let id = BatchID.make(at: now, using: &random)
        try await store.beginBatch(
            NewBatch(
                id: id, tenant: tenant, headers: Self.batchHeaders, createdAt: now,
                expiresAt: now.advanced(by: .seconds(86_400))))
        return id
    }

    func items(_ names: String...) throws -> [BatchItem] {
        try names.map { name in
            BatchItem(
                customID: try #require(CustomID(name)), job: .sample(at: now), body: Array("body \(name)".utf8),
                model: "claude-test")
        }
    }

    /// A batch with these requests, opened.
    func accept(_ names: String..., tenant: TenantID = .sample()) async throws -> BatchID {
        let id = try await beginBatch(tenant: tenant)
        for name in names {
            let addition = try await store.addToBatch(id, items(name), at: now)
            guard addition == .added else { throw Unexpected(what: "\(addition)") }
        }
        _ = try await open(id)
        return id
    }

    func open(_ id: BatchID) async throws -> BatchRecord {
        let opening = try await store.openBatch(id, idempotency: nil, at: now)
        guard case .opened(let record) = opening else { throw Unexpected(what: "\(opening)") }
        return record
    }

    /// A batch of one request, opened with a key.
    func opening(_ key: String, fingerprint: UInt8) async throws -> BatchOpening {
        let id = try await beginBatch()
        _ = try await store.addToBatch(id, items("a"), at: now)
        let idempotency = IdempotencyKey(
            key: key, fingerprint: [fingerprint], expiresAt: now.advanced(by: .seconds(86_400)))
        return try await store.openBatch(id, idempotency: idempotency, at: now)
    }

    func batch(_ id: BatchID) async throws -> BatchRecord {
        guard let batch = try await store.batch(id, of: .sample()) else { throw Unexpected(what: "no batch \(id)") }
        return batch
    }

    func results(_ id: BatchID) async throws -> [BatchResult] {
        try await store.batchResults(id, of: .sample(), after: 0, limit: 100, bytes: .max)
    }

    func advance(limit: Int = 100) async throws -> Int {
        try await store.advanceBatches(limit: limit, abandonedBefore: now, at: now)
    }

    /// Until nothing is left to do. - Returns: requests that became jobs meanwhile.
    func advanceAll(limit: Int = 100) async throws -> Int {
        let before = try await store.counts(of: nil).values.reduce(0, +)
        for _ in 0..<1000 where try await advance(limit: limit) == 0 {
            return try await store.counts(of: nil).values.reduce(0, +) - before
        }
        throw Unexpected(what: "no end of steps")
    }
}
