import Domain

// The `data` of events that are of no job, written with the event.

extension BatchRecord {
    /// Of `batch.ended`. The URL is relative: what it begins with is a matter of who sends it.
    var endedData: [UInt8] {
        var counts = JSONObject()
        counts.set("processing", processing)
        for state in [JobState.succeeded, .errored, .canceled, .expired] { counts.set(state.rawValue, ended[state]) }
        var data = JSONObject()
        data.set("id", id.text)
        data.set("type", "message_batch")
        data.setRaw("request_counts", counts.closed())
        data.set("created_at", createdAt)
        data.set("ended_at", endedAt)
        data.set("results_url", "/v1/messages/batches/\(id.text)/results")
        return data.closed()
    }
}

extension WebhookEndpoint {
    /// Of `webhook.test`.
    package static func testData(of id: String) -> [UInt8] {
        var data = JSONObject()
        data.set("id", id)
        data.set("message", "This is a test event of Claude Relay.")
        return data.closed()
    }
}

extension EndpointDisabling {
    /// Of `webhook.disabled`.
    func data(at now: Timestamp) -> [UInt8] {
        var data = JSONObject()
        data.set("id", endpoint)
        data.set("type", "webhook")
        data.set("origin", DeliveryLane.origin(of: url))
        data.set("reason", reason)
        data.set("failing_since", failingSince)
        data.set("disabled_at", now)
        return data.closed()
    }

    /// Why an endpoint is disabled that has answered 410.
    static func reason(status: Int) -> String {
        "HTTP \(status): the receiver wants no more of it"
    }

    /// Why an endpoint is disabled that has failed for too long.
    static func reason(failingSince since: Timestamp?, error: String?) -> String {
        let start = since.map { " since \($0.rfc3339)" } ?? ""
        return "failing\(start)" + (error.map { "; last: \($0)" } ?? "")
    }
}
