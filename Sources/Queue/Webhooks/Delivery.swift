package import Domain

/// One event on its way to one receiver, claimed for an attempt.
package struct Delivery: Hashable, Sendable {
    /// The `webhook-id`: the same in every attempt, so that receivers can drop duplicates.
    package let id: String
    /// This try, from 1, over all rounds.
    package let attempt: Int
    /// This try, from 1, since the event was posted or last sent anew: where the schedule stands.
    package let roundAttempt: Int
    package let url: String
    package let tenant: TenantID
    /// The registered endpoint; nil if the job named the URL itself.
    package let endpoint: WebhookEndpoint?
    package let event: WebhookEvent
    package let createdAt: Timestamp
    package let subject: DeliverySubject
    /// The only attempt that its lane makes, to learn whether the receiver works again.
    package let isProbe: Bool
    /// The receiver's last attempt failed: see ``DeliveryDemand/suspects``.
    package let isSuspect: Bool

    package init(
        id: String, attempt: Int, roundAttempt: Int? = nil, url: String, tenant: TenantID,
        endpoint: WebhookEndpoint?, event: WebhookEvent, createdAt: Timestamp, subject: DeliverySubject,
        isProbe: Bool = false, isSuspect: Bool = false
    ) {
        self.id = id
        self.attempt = attempt
        self.roundAttempt = roundAttempt ?? attempt
        self.url = url
        self.tenant = tenant
        self.endpoint = endpoint
        self.event = event
        self.createdAt = createdAt
        self.subject = subject
        self.isProbe = isProbe
        self.isSuspect = isSuspect
    }
}

/// What an event tells of.
package enum DeliverySubject: Hashable, Sendable {
    /// A job that has ended.
    case job(JobRecord, JobResult?)
    /// The payload's `data`, a JSON object that was written with the event.
    case data([UInt8])
}

/// How much to claim. A *lane* is what one receiver's deliveries wait in: an endpoint's, or those of one tenant to one
/// origin.
package struct DeliveryDemand: Hashable, Sendable {
    /// Deliveries in all; at most 1,000.
    package let limit: Int
    /// Of one lane under way at most, those of earlier claims included.
    package let perLane: Int
    /// Of lanes whose last attempt failed, at most: a receiver that is dead takes a whole timeout.
    package let suspects: Int

    package init(limit: Int, perLane: Int, suspects: Int) {
        self.limit = min(max(limit, 0), 1000)
        self.perLane = max(perLane, 1)
        self.suspects = min(max(suspects, 0), self.limit)
    }
}
