import Domain
import HTTPTypes
import Queue
import Vault

/// `POST /v1/jobs`: one job as JSON, or many as NDJSON.
struct SubmissionRoute: Sendable {
    private static let bulkTypes = ["application/x-ndjson", "application/jsonl", "application/ndjson"]
    let services: APIServices

    var all: [Route] { [Route("POST", "/v1/jobs", scope: .jobs, handler: submit)] }

    private func submit(_ call: Call) async throws -> Answer {
        let type = call.headers[.contentType]?.split(separator: ";").first.map { $0.lowercased() } ?? ""
        let draft = JobDraft(
            tenant: try call.tenant(), headers: ForwardedHeaders.ofJob(call.headers),
            address: services.configuration.webhookAddress, limits: { services.limits(of: call) },
            prices: services.tenants.prices.list)
        return Self.bulkTypes.contains(type) ? try await submitMany(call, draft) : try await submitOne(call, draft)
    }

    // MARK: One

    private func submitOne(_ call: Call, _ draft: JobDraft) async throws -> Answer {
        let body = try await call.body.collect(
            limit: call.limits.bodyLimit(within: services.configuration.limits.bodyLimit))
        let now = services.wall.now()
        let key = try idempotency(call, body, at: now)
        var job = try draft.job(body, at: now, idempotency: key)
        var outcome = try await submit(job)
        if outcome == .refused(.uncounted) {
            // Its tenant was given a budget a moment ago, by another process perhaps.
            try await services.tenants.lookAtLimits()
            job = try draft.job(body, at: now, idempotency: key)
            outcome = try await submit(job)
        }
        switch outcome.map({ SubmitAnswer($0, at: now) }) {
        case .accepted:
            return .json(JobText.job(JobRecord(accepted: job)), status: 202, headers: location(job.id))
        case .existing(let id):
            return try await replay(id, call)
        case .refused(let error): throw error
        case nil: throw RelayError(JobStoreError.unavailable(detail: "no outcome"))
        }
    }

    private func submit(_ job: NewJob) async throws(RelayError) -> SubmitOutcome? {
        try await services.store.reading { store throws(JobStoreError) in try await store.submit([job]) }.first
    }

    private func replay(_ id: JobID, _ call: Call) async throws -> Answer {
        let tenant = try call.tenant()
        let first = try await services.store.reading { store throws(JobStoreError) in
            try await store.job(id, of: tenant)
        }
        guard let first else { throw RelayError(JobStoreError.unavailable(detail: "\(id) is gone")) }
        var headers = location(id)
        headers[.idempotentReplayed] = "true"
        return .json(JobText.job(first), headers: headers)
    }

    private func location(_ id: JobID) -> HTTPFields { [.location: "/v1/jobs/\(id)"] }

    private func idempotency(
        _ call: Call, _ body: [UInt8], at now: Timestamp
    ) throws(RelayError) -> IdempotencyKey? {
        guard let key = try IdempotencyHeader.key(call.headers) else { return nil }
        return IdempotencyKey(
            key: key, fingerprint: Digest.sha256(body),
            expiresAt: now.advanced(by: services.configuration.idempotencyLifetime))
    }

    // MARK: Many

    private func submitMany(_ call: Call, _ draft: JobDraft) async throws -> Answer {
        guard call.headers[.idempotencyKey] == nil else {
            throw RelayError(
                .headerInvalid, "An Idempotency-Key came with a bulk submission; allowed is one with a single job.",
                remedy: "Leave it out, or submit the jobs one by one.")
        }
        var intake = BulkIntake(
            draft: draft, store: services.store, wall: services.wall,
            mayGoOn: { () throws(RelayError) in try await Authenticator(services: services).checkAgain(call) })
        try await read(
            call.body, limit: call.limits.bodyLimit(within: services.configuration.limits.bodyLimit), into: &intake)
        let body = await intake.finish()
        guard intake.accepted + intake.refused > 0 else {
            throw RelayError(
                .bodyNotJSON, "The body holds no line; required is at least one.",
                remedy: "Send one JSON object a line.")
        }
        var headers: HTTPFields = [
            .contentType: "application/x-ndjson", .relayAccepted: String(intake.accepted),
            .relayRefused: String(intake.refused),
        ]
        if let failure = intake.failure { ErrorResponse.addAdvice(of: failure, to: &headers) }
        let status = intake.accepted > 0 ? 202 : intake.failure?.code.status ?? 400
        return .full(status: status, headers: headers, body: body)
    }

    /// What comes after the limit of lines, after the credential has ceased to hold, or where memory ends is read and
    /// dropped, so that the client gets to read what became of the lines before it.
    private func read(_ body: RequestBytes, limit: Int, into intake: inout BulkIntake) async throws {
        var splitter = LineSplitter(limit: limit)
        var number = 0
        while let chunk = try await body.next() {
            for line in splitter.feed(chunk) {
                number += 1
                guard await take(line, number, into: &intake), !intake.isForbidden else {
                    _ = try await drop(body, of: &intake)
                    return
                }
            }
            do throws(RelayError) {
                try body.hold(splitter.bytesHeld + intake.bytesHeld)
            } catch {
                let isCutOff = splitter.bytesHeld > 0
                if try await drop(body, of: &intake) || isCutOff { intake.stop(error, line: number + 1) }
                return
            }
        }
        if let last = splitter.finish() { _ = await take(last, number + 1, into: &intake) }
    }

    /// Holds no more than the answers meanwhile. - Returns: whether anything more came.
    private func drop(_ body: RequestBytes, of intake: inout BulkIntake) async throws -> Bool {
        await intake.settle()
        try? body.hold(intake.bytesHeld)
        let watch = Stopwatch(services.clock)
        var hasMore = false
        while watch.elapsed < ClientExchange.drainTime, try await body.next() != nil { hasMore = true }
        return hasMore
    }

    /// - Returns: whether more lines are wanted.
    private func take(_ line: LineSplitter.Line, _ number: Int, into intake: inout BulkIntake) async -> Bool {
        let limit = services.configuration.limits.bulkLineLimit
        guard number <= limit else {
            let error = RelayError(
                .bulkTooLarge, "The body has more than \(limit) lines; that is the limit of one submission.",
                remedy: "Send this line and what follows in another submission.")
            intake.refuse(error, line: number)
            return false
        }
        switch line {
        case .text(let bytes) where bytes.isEmpty: break
        case .text(let bytes): await intake.add(bytes, number: number)
        case .tooLong(let count):
            let limit = intake.draft.limits().bodyLimit(within: services.configuration.limits.bodyLimit)
            intake.refuse(RequestBytes.tooLarge(count, limit), line: number)
        }
        return true
    }
}
