import Domain
import Queue

/// How webhook endpoints and their deliveries look to their owners.
enum WebhookText {
    /// - Parameters:
    ///   - secret: shown once, in the answer to the registration or rotation.
    ///   - publicKey: what verifies `v1a` signatures; nil if the endpoint has none.
    static func endpoint(
        _ endpoint: WebhookEndpoint, secret: Secret?, publicKey: String?, at now: Timestamp
    ) -> [UInt8] {
        var json = JSONObject()
        json.set("id", endpoint.id)
        json.set("type", "webhook")
        if let secret { json.set("secret", secret.reveal()) }
        json.set("public_key", publicKey)
        json.set("previous_secret_expires_at", endpoint.previous?.expiresAt)
        json.set("url", endpoint.url)
        json.set("events", endpoint.events.map(\.rawValue).sorted())
        json.set("description", endpoint.description)
        json.set("payload", endpoint.payload.rawValue)
        json.set("egress", endpoint.egress)
        json.set("status", endpoint.status.rawValue)
        json.set("status_reason", endpoint.statusReason)
        json.set("delivery_state", endpoint.health.state(at: now).rawValue)
        json.set("tripped_until", endpoint.health.trippedUntil)
        json.set("failing_since", endpoint.health.failingSince)
        json.set("created_at", endpoint.createdAt)
        json.set("changed_at", endpoint.changedAt)
        return json.closed()
    }

    /// - Parameter attempts: its log; nil where it is one of a list.
    static func delivery(_ delivery: DeliveryRecord, attempts: [DeliveryAttempt]? = nil) -> [UInt8] {
        var json = JSONObject()
        json.set("id", delivery.id)
        json.set("type", "webhook_delivery")
        json.set("event", delivery.event.rawValue)
        json.set("url", delivery.url)
        json.set("webhook", delivery.endpoint)
        json.set("job", delivery.job?.text)
        json.set("status", delivery.state.rawValue)
        json.set("attempts", delivery.attempts)
        json.set("created_at", delivery.createdAt)
        json.set("due_at", delivery.dueAt)
        json.set("ended_at", delivery.endedAt)
        json.set("response_status", delivery.status)
        json.set("error", delivery.error)
        if let attempts { json.setRaw("log", JSONObject.array(attempts.map(attempt))) }
        return json.closed()
    }

    private static func attempt(_ attempt: DeliveryAttempt) -> [UInt8] {
        var json = JSONObject()
        json.set("attempt", attempt.attempt)
        json.set("started_at", attempt.startedAt)
        json.set("duration_ms", Int(attempt.endedAt.duration(since: attempt.startedAt).microseconds / 1000))
        json.set("response_status", attempt.status)
        json.set("error", attempt.error)
        json.set("response_body", String(decoding: attempt.answer, as: UTF8.self))
        return json.closed()
    }

    /// `last_id` is what `after` of the next page takes.
    static func page(_ page: DeliveryPage) -> [UInt8] {
        var json = JSONObject()
        let rows = RowsText(page.records) { delivery($0) }
        let isWhole = rows.count == page.records.count
        let last = page.records.prefix(rows.count).last?.id
        json.setRaw("data", rows.array)
        json.set("has_more", page.hasMore || !isWhole)
        json.set("first_id", page.records.first?.id)
        json.set("last_id", isWhole ? page.next ?? last : last)
        return json.closed()
    }
}
