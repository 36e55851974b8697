package import Domain

/// Where a delivery stands. The raw value is what operators read.
package enum DeliveryState: String, Hashable, Sendable, CaseIterable {
    /// Due, or claimed for an attempt.
    case pending
    case delivered
    /// Given up.
    case failed
}

/// A delivery as its owner sees it.
package struct DeliveryRecord: Hashable, Sendable {
    package let id: String
    package let tenant: TenantID
    package let event: WebhookEvent
    package let url: String
    /// nil if a job named the URL itself.
    package let endpoint: String?
    package let job: JobID?
    package let state: DeliveryState
    package let attempts: Int
    package let createdAt: Timestamp
    /// When it is tried next, or seems lost if it is under way; nil once it has ended.
    package let dueAt: Timestamp?
    package let endedAt: Timestamp?
    /// Of the last answer that ended it.
    package let status: Int?
    /// Why the last attempt failed.
    package let error: String?

    package init(
        id: String, tenant: TenantID, event: WebhookEvent, url: String, endpoint: String?, job: JobID?,
        state: DeliveryState, attempts: Int, createdAt: Timestamp, dueAt: Timestamp?, endedAt: Timestamp?,
        status: Int?, error: String?
    ) {
        self.id = id
        self.tenant = tenant
        self.event = event
        self.url = url
        self.endpoint = endpoint
        self.job = job
        self.state = state
        self.attempts = attempts
        self.createdAt = createdAt
        self.dueAt = dueAt
        self.endedAt = endedAt
        self.status = status
        self.error = error
    }
}

/// A delivery and its log.
package struct DeliveryHistory: Hashable, Sendable {
    package let record: DeliveryRecord
    /// Oldest first; at most 1,000.
    package let attempts: [DeliveryAttempt]

    package init(record: DeliveryRecord, attempts: [DeliveryAttempt]) {
        self.record = record
        self.attempts = attempts
    }
}

/// What asking for a delivery once more does to it.
enum RedeliveryEffect {
    /// It is on its way, or earlier than it was to be.
    case changed
    /// It was pending and due, or under way.
    case unchanged
    /// Nothing can be sent there.
    case refused
}

/// What became of sending a delivery anew. With the delivery afterwards.
package enum RedeliveryOutcome: Hashable, Sendable {
    case sent(DeliveryRecord)
    /// Its endpoint is disabled or removed.
    case notSendable(DeliveryRecord)
    /// The tenant has no such delivery.
    case unknown
}

extension DeliveryRecord {
    /// What sending it anew is refused with.
    package var notSendable: RelayError {
        RelayError(
            .deliveryNotSendable,
            "Delivery '\(id)' goes to endpoint '\(endpoint ?? url)', which is disabled or removed.",
            remedy: "Make the endpoint active again (POST /v1/webhooks/{id}/resume), then send it anew.")
    }
}
