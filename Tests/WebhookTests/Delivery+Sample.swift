import Domain
import Queue
import TestSupport
import Testing

extension Timestamp {
    /// 2026-01-01T00:00:00Z, where manual clocks begin.
    static let start = Timestamp(microseconds: 1_767_225_600_000_000)
}

extension Delivery {
    static func sample(
        attempt: Int = 1, roundAttempt: Int? = nil, url: String = "https://receiver.test/hook",
        endpoint: WebhookEndpoint? = nil, event: WebhookEvent? = nil, metadata: [UInt8]? = nil,
        result: JobResult? = .sample(body: #"{"text":"Grüße"}"#), hasBody: Bool = true, state: JobState = .succeeded,
        subject: DeliverySubject? = nil
    ) throws -> Delivery {
        let job = JobRecord(
            id: try #require(JobID("job_01jgfjjz00000000000000000a")), tenant: .sample(), state: state,
            model: "claude-test", priority: .normal, attempts: 2, createdAt: .start, runAt: .start, deadline: nil,
            endedAt: Timestamp.start.advanced(by: .milliseconds(1500)), resultStatus: result?.status,
            metadata: metadata, isCancelRequested: false)
        let delivered = result.map { result in
            DeliveredResult(
                status: result.status, requestID: result.headers.first("request-id"), body: hasBody ? result.body : nil)
        }
        return Delivery(
            id: "evt_0123456789abcdef0123456789abcdef", attempt: attempt, roundAttempt: roundAttempt, url: url,
            tenant: .sample(), endpoint: endpoint, event: try event ?? #require(WebhookEvent(endedAs: state)),
            createdAt: Timestamp.start.advanced(by: .seconds(2)), subject: subject ?? .job(job, delivered))
    }
}

extension WebhookEndpoint {
    static func sample(
        id: String = "whe_1", url: String = "https://receiver.test/hook", sealed: [UInt8] = [1],
        previous: EndpointSecret? = nil, payload: PayloadStyle = .full, egress: String? = nil
    ) -> WebhookEndpoint {
        WebhookEndpoint(
            id: id, tenant: .sample(), url: url, events: [.jobSucceeded], payload: payload, egress: egress,
            secret: EndpointSecret(sealed: sealed, createdAt: .start), previous: previous, createdAt: .start)
    }
}
