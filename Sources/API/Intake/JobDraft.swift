import Domain

/// Reads one submission, `{"request": …, "webhook": …, …}`, into a job.
struct JobDraft: Sendable {
    private static let fields = ["request", "webhook", "priority", "run_at", "deadline", "metadata"]
    /// Bytes of a job's `metadata`.
    private static let metadataLimit = 16 * 1024

    let tenant: TenantID
    /// Sent with the request when its turn comes.
    let headers: [HeaderField]
    let address: WebhookAddress
    /// As they are when a line is read: a submission may take long.
    let limits: @Sendable () -> TenantLimits
    let prices: PriceList

    /// - Throws: `body_not_json`, `field_missing`, `field_invalid`, `model_not_allowed` or `webhook_refused`.
    func job(
        _ document: [UInt8], at now: Timestamp, idempotency: IdempotencyKey? = nil
    ) throws(RelayError) -> NewJob {
        let fields = try JSONFields(document)
        try fields.allowOnly(Self.fields)
        let request = try fields.require("request", "an object, the body for POST /v1/messages") {
            $0.kind == .object ? $0.value : nil
        }
        let message = try MessagesRequest(document, in: request, path: "request.")
        guard !message.isStream else { throw Self.streamRefused }
        let limits = limits()
        try limits.check(message.model)
        var random = PooledRandom()
        let runAt = try fields.optional("run_at", Self.timeRule) { time(fields.string($0)) } ?? now
        let body = Array(document[request])
        return NewJob(
            id: .make(at: now, using: &random), tenant: tenant, body: body, headers: headers,
            model: message.model, priority: try priority(fields), createdAt: now, runAt: runAt,
            deadline: try deadline(fields, after: max(now, runAt)), webhook: try webhook(fields),
            metadata: try metadata(fields), idempotency: idempotency,
            demand: limits.demand(of: message.model, body, maxTokens: message.maxTokens, at: prices))
    }

    private func priority(_ fields: JSONFields) throws(RelayError) -> Priority {
        let range = Priority.range
        let rule = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try fields.optional("priority", rule) { fields.integer($0).flatMap { Priority($0) } } ?? .normal
    }

    private func deadline(_ fields: JSONFields, after start: Timestamp) throws(RelayError) -> Timestamp? {
        let rule = "\(Self.timeRule), later than now and than run_at"
        return try fields.optional("deadline", rule) { member in
            time(fields.string(member)).flatMap { $0 > start ? $0 : nil }
        }
    }

    private func webhook(_ fields: JSONFields) throws(RelayError) -> WebhookTarget? {
        let rule = "a URL, or the id of a registered endpoint (whe_…)"
        guard let text = try fields.optional("webhook", rule, fields.nonEmptyString) else { return nil }
        let target = WebhookTarget(text: text)
        if case .url(let url) = target { try address.check(url) }
        return target
    }

    private func metadata(_ fields: JSONFields) throws(RelayError) -> [UInt8]? {
        try fields.optional("metadata", "an object of at most \(Self.metadataLimit) bytes") { member in
            member.kind == .object && member.value.count <= Self.metadataLimit ? fields.bytes(member) : nil
        }
    }

    private func time(_ text: String?) -> Timestamp? { text.flatMap { Timestamp(rfc3339: $0) } }

    static let timeRule = "an RFC 3339 time such as 2026-11-23T14:05:09Z"
    private static let streamRefused = RelayError(
        .fieldInvalid, "The field request.stream is true; allowed in a job is false.",
        remedy: "Leave it out, or call POST /v1/messages for a stream.")
}
