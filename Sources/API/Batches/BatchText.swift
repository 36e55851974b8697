import Domain
import Queue

/// How batches and their results look to clients: as Anthropic's API shows them.
enum BatchText {
    static func batch(_ batch: BatchRecord, at now: Timestamp) -> [UInt8] {
        var counts = JSONObject()
        counts.set("processing", batch.processing)
        for state in [JobState.succeeded, .errored, .canceled, .expired] {
            counts.set(state.rawValue, batch.ended[state] ?? 0)
        }
        var json = JSONObject()
        json.set("id", batch.id.text)
        json.set("type", "message_batch")
        json.set("processing_status", batch.status.rawValue)
        json.setRaw("request_counts", counts.closed())
        json.set("created_at", batch.createdAt)
        json.set("expires_at", batch.expiresAt)
        json.set("ended_at", batch.endedAt)
        json.set("cancel_initiated_at", batch.cancelInitiatedAt)
        json.set("archived_at", batch.archived(at: now))
        // Relative: only the client knows by which address it reaches the relay.
        let hasResults = batch.status == .ended && batch.archived(at: now) == nil
        json.set("results_url", hasResults ? "/v1/messages/batches/\(batch.id)/results" : nil)
        return json.closed()
    }

    static func page(_ page: BatchPage, at now: Timestamp) -> [UInt8] {
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(page.batches.map { batch($0, at: now) }))
        json.set("has_more", page.hasMore)
        json.set("first_id", page.batches.first?.id.text)
        json.set("last_id", page.batches.last?.id.text)
        return json.closed()
    }

    static func deleted(_ id: BatchID) -> [UInt8] {
        var json = JSONObject()
        json.set("id", id.text)
        json.set("type", "message_batch_deleted")
        return json.closed()
    }

    /// One line of the results, its end included.
    static func line(_ result: BatchResult) -> [UInt8] {
        var outcome = JSONObject()
        switch result.state {
        case .succeeded where isMessage(result.result):
            outcome.set("type", "succeeded")
            outcome.setRaw("message", oneLine(result.result.body))
        case .canceled: outcome.set("type", "canceled")
        case .expired: outcome.set("type", "expired")
        case .succeeded, .errored, .queued, .running:
            outcome.set("type", "errored")
            outcome.setRaw("error", envelope(result.result))
        }
        var json = JSONObject()
        json.set("custom_id", result.customID)
        json.setRaw("result", outcome.closed())
        return json.closed() + [UInt8(ascii: "\n")]
    }

    /// Whether the answer can stand in a line: a proxy on the way may have compressed it or made something else of it.
    private static func isMessage(_ result: JobResult) -> Bool {
        result.headers.first("content-encoding") ?? "identity" == "identity" && (try? JSONFields(result.body)) != nil
    }

    /// In JSON a raw line break can only stand between tokens, where a space means the same.
    private static func oneLine(_ json: [UInt8]) -> [UInt8] {
        json.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
    }

    /// The upstream's envelope; one in its form if it sent something else, such as a page of HTML.
    private static func envelope(_ result: JobResult) -> [UInt8] {
        if let fields = try? JSONFields(result.body), fields.member("error")?.kind == .object {
            return oneLine(result.body)
        }
        let excerpt = String(decoding: result.body.prefix(200), as: UTF8.self)
        var error = JSONObject()
        error.set("type", "api_error")
        error.set(
            "message", "The upstream answered \(result.status) without a message or an error envelope: \(excerpt)")
        var json = JSONObject()
        json.set("type", "error")
        json.setRaw("error", error.closed())
        json.set("request_id", result.headers.first("request-id"))
        return json.closed()
    }
}
