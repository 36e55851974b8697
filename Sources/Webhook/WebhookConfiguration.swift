package import Domain

/// How callbacks are delivered.
package struct WebhookConfiguration: Hashable, Sendable {
    /// Which addresses and ports receivers may have.
    package var addresses = AddressPolicy(allowed: [], ports: PortSet(allowsHTTP: false))
    /// Whether receivers may be called without TLS.
    package var allowsHTTP = false
    /// The ways out that endpoints may ask for, by their ids.
    package var egress: [EgressPath] = []
    /// The whole of one delivery attempt.
    package var timeout = Duration.seconds(15)
    /// Bytes of a result that are sent along; of a larger one its URL is sent.
    package var inlineLimit = 256 * 1024
    /// What result URLs begin with, without a slash at the end; empty for relative ones.
    package var publicURL = ""
    /// Delivery attempts under way at most; one tenant has half of them, at most: see ``DeliverySlots``.
    package var concurrency = 512
    /// The same for one receiver.
    package var endpointConcurrency = 8
    /// How long to wait for news before the outbox is looked at all the same.
    package var idle = Duration.seconds(1)
    package var schedule = DeliverySchedule.standard
    /// When a receiver that fails is left alone, and when it is disabled.
    package var rules = EndpointRules()

    package init() {}

    /// How long a claimed delivery is hidden: an attempt and its record. Not much longer, for so long one waits whose
    /// worker was killed.
    var lease: Duration { timeout + .seconds(5) }
}
