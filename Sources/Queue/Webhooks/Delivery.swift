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
    /// Its receiver is not trusted, and it holds a place as such: see ``DeliverySlots``.
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
    case job(JobRecord, DeliveredResult?)
    /// The payload's `data`, a JSON object that was written with the event.
    case data([UInt8])
}

/// A job's result as a delivery needs it.
package struct DeliveredResult: Hashable, Sendable {
    package let status: Int
    /// The answer's `request-id`.
    package let requestID: String?
    /// nil if it is not sent along: over ``DeliveryDemand/inlineLimit``, or not wanted by the endpoint.
    package let body: [UInt8]?

    package init(status: Int, requestID: String?, body: [UInt8]?) {
        self.status = status
        self.requestID = requestID
        self.body = body
    }
}

/// How much to claim. A *lane* is what one receiver's deliveries wait in: an endpoint's, or those of one tenant to one
/// origin.
package struct DeliveryDemand: Hashable, Sendable {
    /// What one claim takes, at most.
    package static let limits = 1...1000

    /// Deliveries in all, at most.
    package let limit: Int
    /// The claimer's places, and who holds them.
    package let slots: DeliverySlots
    /// Of one lane under way at most, those of other claimers included.
    package let perLane: Int
    /// Bytes of a result that is sent along, at most: larger ones are not even read.
    package let inlineLimit: Int

    package init(slots: DeliverySlots, perLane: Int, inlineLimit: Int, limit: Int = Self.limits.upperBound) {
        self.limit = min(limit, slots.free, Self.limits.upperBound)
        self.slots = slots
        self.perLane = max(perLane, 1)
        self.inlineLimit = max(inlineLimit, 0)
    }
}
