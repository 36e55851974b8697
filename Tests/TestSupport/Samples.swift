package import Domain

extension TenantID {
    /// The tenant `name`, or `sample` if that is not a valid name.
    package static func sample(_ name: String = "acme") -> TenantID {
        guard let tenant = TenantID(name) ?? TenantID("sample") else { preconditionFailure("'sample' is valid") }
        return tenant
    }
}

extension NewJob {
    /// A small valid job. What a test does not name does not matter to it.
    package static func sample(
        tenant: TenantID = .sample(), at now: Timestamp, body: [UInt8] = NewJob.sampleBody,
        headers: [HeaderField] = [HeaderField("anthropic-version", "2023-06-01")], priority: Int = 5,
        runAt: Timestamp? = nil, deadline: Timestamp? = nil, webhook: WebhookTarget? = nil,
        metadata: [UInt8]? = nil, idempotency: IdempotencyKey? = nil, model: String = "claude-test"
    ) -> NewJob {
        var random = SystemRandomNumberGenerator()
        return NewJob(
            id: .make(at: now, using: &random), tenant: tenant, body: body, headers: headers, model: model,
            priority: Priority(priority) ?? .normal, createdAt: now, runAt: runAt ?? now, deadline: deadline,
            webhook: webhook, metadata: metadata, idempotency: idempotency)
    }

    package static let sampleBody = Array(
        #"{"model":"claude-test","max_tokens":16,"messages":[{"role":"user","content":"Hello"}]}"#.utf8)
}

extension JobID {
    /// A new id.
    package static func sample(at now: Timestamp) -> JobID {
        var random = SystemRandomNumberGenerator()
        return .make(at: now, using: &random)
    }
}

extension JobResult {
    /// An answer of the upstream.
    package static func sample(status: Int = 200, body: String = #"{"type":"message"}"#) -> JobResult {
        JobResult(status: status, headers: [HeaderField("request-id", "req_sample")], body: Array(body.utf8))
    }
}

extension AttemptRecord {
    /// The journal line of the attempt that `lease` stands for.
    package static func sample(_ lease: Lease, at now: Timestamp, verdict: String = "success") -> AttemptRecord {
        AttemptRecord(
            attempt: lease.attempt, key: "default", egress: "direct", startedAt: now, endedAt: now,
            status: verdict == "success" ? 200 : nil, requestID: "req_sample", verdict: verdict, maybeBilled: false)
    }
}

extension PriceList {
    /// `claude-test…` at $1 and $10 for a million tokens; nothing else.
    package static let sample: PriceList = {
        let price = ModelPrice(
            input: Money(microdollars: 1_000_000), output: Money(microdollars: 10_000_000),
            cacheWrite: Money(microdollars: 1_250_000), cacheWriteHour: Money(microdollars: 2_000_000),
            cacheRead: Money(microdollars: 100_000))
        return ModelPattern("claude-test*").flatMap { PriceList([PriceRule($0, price)]) } ?? .free
    }()
}
