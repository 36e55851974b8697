import Domain
import HTTPTypes
import NIOCore
import Queue

/// `/v1/messages/batches`: Message Batches as Anthropic serves them, out of the relay's own queue.
struct BatchRoutes: Sendable {
    private static let pageResults = 500
    private static let pageBytes = 4 * 1024 * 1024
    let services: APIServices

    var all: [Route] {
        [
            Route("POST", "/v1/messages/batches", scope: .jobs, takesParts: true, handler: create),
            Route("GET", "/v1/messages/batches", scope: .jobs, handler: list),
            Route("GET", "/v1/messages/batches/{}", scope: .jobs, handler: show),
            Route("DELETE", "/v1/messages/batches/{}", scope: .jobs, handler: delete),
            Route("POST", "/v1/messages/batches/{}/cancel", scope: .jobs, handler: cancel),
            Route("GET", "/v1/messages/batches/{}/results", scope: .jobs, handler: results),
        ]
    }

    // MARK: Creation

    private func create(_ call: Call) async throws -> Answer {
        let limit = services.configuration.limits.batchBodyLimit
        if let length = call.body.announcedLength, length > limit { throw Self.tooLarge(length, limit) }
        guard call.headers[.contentEncoding] == nil else {
            throw RelayError(
                .headerInvalid, "The body of the batch is compressed; allowed is no Content-Encoding.",
                remedy: "Send it as it is.")
        }
        var random = PooledRandom()
        let now = services.wall.now()
        let batch = NewBatch(
            id: .make(at: now, using: &random), tenant: try call.tenant(),
            headers: ForwardedHeaders.ofJob(call.headers),
            createdAt: now, expiresAt: now.advanced(by: services.configuration.limits.batchLifetime))
        let key = try IdempotencyHeader.key(call.headers)
        var intake = BatchIntake(
            batch, limits: { services.limits(of: call) }, prices: services.tenants.prices.list,
            isFingerprinted: key != nil, store: services.store, wall: services.wall, clock: services.clock,
            mayGoOn: { () throws(RelayError) in try await Authenticator(services: services).checkAgain(call) })
        do {
            try await read(call.body, limit: limit, into: &intake)
            let lifetime = services.configuration.idempotencyLifetime
            let record = try await intake.finish(
                key.map { [intake] key in
                    IdempotencyKey(
                        key: key, fingerprint: intake.fingerprint, expiresAt: now.advanced(by: lifetime))
                })
            let isReplayed = record.id != batch.id
            return .json(
                BatchText.batch(record, at: services.wall.now()),
                headers: isReplayed ? [.idempotentReplayed: "true"] : [:])
        } catch {
            // Also when the client has gone, which cancels this task.
            await Task { [intake] in await intake.abandon() }.value
            throw error
        }
    }

    private func read(_ body: RequestBytes, limit: Int, into intake: inout BatchIntake) async throws {
        var splitter = BatchSplitter(limit: intake.limits().bodyLimit(within: services.configuration.limits.bodyLimit))
        var length = 0
        while let chunk = try await body.next() {
            length += chunk.readableBytes
            guard length <= limit else { throw Self.tooLarge(length, limit) }
            for element in try elements(of: chunk, &splitter) { try await intake.add(element) }
            try await hold(splitter, &intake, of: body)
        }
        try splitter.finish()
    }

    /// Waits some seconds for memory, with nothing in hand but the request that has begun: the client has sent much.
    private func hold(_ splitter: BatchSplitter, _ intake: inout BatchIntake, of body: RequestBytes) async throws {
        for pause in BatchIntake.pauses {
            do {
                return try body.hold(splitter.bytesHeld + intake.bytesHeld)
            } catch {
                try await intake.flush()
                try await services.clock.sleep(for: pause)
            }
        }
        try body.hold(splitter.bytesHeld + intake.bytesHeld)
    }

    private func elements(of chunk: ByteBuffer, _ splitter: inout BatchSplitter) throws -> [[UInt8]] {
        try chunk.withUnsafeReadableBytes { try splitter.feed($0.bindMemory(to: UInt8.self)) }
    }

    private static func tooLarge(_ count: Int, _ limit: Int) -> RelayError {
        RelayError(
            .bodyTooLarge, "The batch has at least \(count) bytes; the limit is \(limit).",
            remedy: "Send it as several batches, or raise limits.batch_body.")
    }

    // MARK: Owners

    private func list(_ call: Call) async throws -> Answer {
        let limit = try call.query.limit(in: BatchQuery.limits)
        let after = try call.query.value("after_id", Self.idRule) { BatchID($0) }
        let before = try call.query.value("before_id", Self.idRule) { BatchID($0) }
        let start: BatchQuery.Start =
            if let after { .after(after) } else if let before { .before(before) } else { .newest }
        let query = BatchQuery(tenant: try call.tenant(), start: start, limit: limit ?? 20)
        let page = try await services.store.reading { store throws(JobStoreError) in try await store.batches(query) }
        return .json(BatchText.page(page, at: services.wall.now()))
    }

    private func show(_ call: Call) async throws -> Answer {
        .json(BatchText.batch(try await batch(call), at: services.wall.now()))
    }

    private func cancel(_ call: Call) async throws -> Answer {
        let (id, tenant, now) = (try id(call), try call.tenant(), services.wall.now())
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.cancelBatch(id, of: tenant, at: now)
        }
        guard let found else { throw Self.unknown(id.text) }
        return .json(BatchText.batch(found, at: now))
    }

    private func delete(_ call: Call) async throws -> Answer {
        let (id, tenant) = (try id(call), try call.tenant())
        let isDeleted = try await services.store.reading { store throws(JobStoreError) in
            try await store.deleteBatch(id, of: tenant)
        }
        guard let isDeleted else { throw Self.unknown(id.text) }
        guard isDeleted else {
            throw RelayError(
                .batchNotEnded, "The batch \(id) has not ended; only ended ones can be deleted.",
                remedy: "Cancel it and wait for its end first.")
        }
        return .json(BatchText.deleted(id))
    }

    // MARK: Results

    private func results(_ call: Call) async throws -> Answer {
        let batch = try await batch(call)
        guard batch.status == .ended else {
            throw RelayError(
                .batchNotEnded, "The batch \(batch.id) is \(batch.status.rawValue); it has results once it has ended.",
                remedy: "Poll GET /v1/messages/batches/{id} until processing_status is ended.")
        }
        guard !batch.isErased else { throw RelayError.payloadErased }
        guard batch.archived(at: services.wall.now()) == nil else { throw Self.archived(batch.id) }
        let first = try await page(of: batch, after: 0)
        guard !first.isEmpty else { throw Self.archived(batch.id) }
        return .live { sink in
            let headers: HTTPFields = [
                .contentType: "application/x-jsonl", .requestID: call.id, .relayRequestID: call.id,
            ]
            try await sink.start(status: 200, headers: headers)
            var (page, lines) = (first, 0)
            while let last = page.last {
                for result in page { try await sink.write(BatchText.line(result)) }
                lines += page.count
                page = try await self.page(of: batch, after: last.position)
            }
            // Deleted meanwhile: the connection breaks off, or what is missing would pass for all there was.
            guard lines == batch.total else { throw Self.archived(batch.id) }
            try await sink.end()
        }
    }

    private static func archived(_ id: BatchID) -> RelayError {
        RelayError(
            .batchArchived, "The results of the batch \(id) are no longer kept.",
            remedy: "Fetch results within 29 days of creation, and within retention.age.")
    }

    private func page(of batch: BatchRecord, after: Int64) async throws(RelayError) -> [BatchResult] {
        try await services.store.reading { store throws(JobStoreError) in
            try await store.batchResults(
                batch.id, of: batch.tenant, after: after, limit: Self.pageResults, bytes: Self.pageBytes)
        }
    }

    // MARK: Finding

    private func batch(_ call: Call) async throws -> BatchRecord {
        let (id, tenant) = (try id(call), try call.tenant())
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.batch(id, of: tenant)
        }
        guard let found else { throw Self.unknown(id.text) }
        return found
    }

    private func id(_ call: Call) throws(RelayError) -> BatchID {
        guard let id = BatchID(call.parameters[0]) else { throw Self.unknown(call.parameters[0]) }
        return id
    }

    private static let idRule = "a batch's id (\(BatchID.prefix)…)"

    private static func unknown(_ id: String) -> RelayError {
        RelayError(
            .batchUnknown, "There is no batch \(id.prefix(64)).", remedy: "Check the id and whose token you use.")
    }
}
