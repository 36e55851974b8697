package import Domain

/// One event on its way to one receiver, claimed for an attempt.
package struct Delivery: Hashable, Sendable {
    /// The `webhook-id`: the same in every attempt, so that receivers can drop duplicates.
    package let id: String
    /// This try, from 1.
    package let attempt: Int
    package let url: String
    /// The registered endpoint; nil if the job named the URL itself.
    package let endpoint: WebhookEndpoint?
    package let event: WebhookEvent
    package let createdAt: Timestamp
    package let job: JobRecord
    package let result: JobResult?

    package init(
        id: String, attempt: Int, url: String, endpoint: WebhookEndpoint?, event: WebhookEvent,
        createdAt: Timestamp, job: JobRecord, result: JobResult?
    ) {
        self.id = id
        self.attempt = attempt
        self.url = url
        self.endpoint = endpoint
        self.event = event
        self.createdAt = createdAt
        self.job = job
        self.result = result
    }
}

/// What subscribers can hear of.
package enum WebhookEvent: String, Hashable, Sendable, CaseIterable {
    case jobSucceeded = "job.succeeded"
    case jobErrored = "job.errored"
    case jobCanceled = "job.canceled"
    case jobExpired = "job.expired"

    /// The event of a job that ended as `state`; nil while it has not.
    package init?(endedAs state: JobState) {
        switch state {
        case .queued, .running: return nil
        case .succeeded: self = .jobSucceeded
        case .errored: self = .jobErrored
        case .canceled: self = .jobCanceled
        case .expired: self = .jobExpired
        }
    }
}

/// Where a delivery stands. The raw value is what operators read.
package enum DeliveryState: String, Hashable, Sendable, CaseIterable {
    /// Due, or claimed for an attempt.
    case pending
    case delivered
    /// Given up.
    case failed
}

/// How one delivery attempt ended.
package enum DeliveryOutcome: Hashable, Sendable {
    case delivered(at: Timestamp, status: Int)
    case retry(at: Timestamp, error: String)
    case failed(at: Timestamp, error: String)
}

/// A receiver that a tenant has registered. It hears of every job of the tenant whose event it lists, and of the jobs
/// that name it.
package struct WebhookEndpoint: Hashable, Sendable {
    /// `whe_…`
    package let id: String
    package let tenant: TenantID
    package let url: String
    package let events: Set<WebhookEvent>
    /// The signing secret, sealed by the Vault.
    package let sealedSecret: [UInt8]
    package let createdAt: Timestamp

    package init(
        id: String, tenant: TenantID, url: String, events: Set<WebhookEvent>, sealedSecret: [UInt8],
        createdAt: Timestamp
    ) {
        self.id = id
        self.tenant = tenant
        self.url = url
        self.events = events
        self.sealedSecret = sealedSecret
        self.createdAt = createdAt
    }
}
