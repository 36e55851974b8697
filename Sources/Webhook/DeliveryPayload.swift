import Domain
import Queue

/// The body of a callback. The same bytes at every attempt, for all it is made of has ended.
struct DeliveryPayload {
    let publicURL: String

    func bytes(of delivery: Delivery) -> [UInt8] {
        var payload = JSONObject()
        payload.set("type", delivery.event.rawValue)
        payload.set("timestamp", delivery.createdAt)
        payload.setRaw("data", data(of: delivery))
        return payload.closed()
    }

    private func data(of delivery: Delivery) -> [UInt8] {
        switch delivery.subject {
        case .data(let data): data
        case .job(let job, let result): data(of: job, result)
        }
    }

    private func data(of job: JobRecord, _ result: DeliveredResult?) -> [UInt8] {
        var data = JSONObject()
        data.set("id", job.id.text)
        data.set("status", job.state.rawValue)
        data.set("model", job.model)
        data.set("attempts", job.attempts)
        data.set("created_at", job.createdAt)
        data.set("ended_at", job.endedAt)
        data.setRaw("metadata", job.metadata)
        if let result {
            data.setRaw("result", Self.text(of: result))
            data.set("result_url", "\(publicURL)/v1/jobs/\(job.id)/result")
        }
        return data.closed()
    }

    /// The answer's status and body, the body as it is if it is JSON, as a string otherwise; null in place of a body
    /// that is not sent along.
    private static func text(of result: DeliveredResult) -> [UInt8] {
        var json = JSONObject()
        json.set("status", result.status)
        json.set("request_id", result.requestID)
        if let body = result.body, (try? JSONScanner.members(of: body)) == nil {
            json.set("body", String(decoding: body, as: UTF8.self))
        } else {
            json.setRaw("body", result.body)
        }
        return json.closed()
    }
}
