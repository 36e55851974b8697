package import Domain

/// How callbacks are delivered.
package struct WebhookConfiguration: Hashable, Sendable {
    /// Which addresses receivers may have.
    package var addresses = AddressPolicy(allowed: [])
    /// The whole of one delivery attempt.
    package var timeout = Duration.seconds(15)
    /// Bytes of a result that are sent along; of a larger one its URL is sent.
    package var inlineLimit = 256 * 1024
    /// What result URLs begin with, without a slash at the end; empty for relative ones.
    package var publicURL = ""
    /// Delivery attempts under way at most.
    package var concurrency = 64
    /// How long to wait for news before the outbox is looked at all the same.
    package var idle = Duration.seconds(1)
    package var schedule = DeliverySchedule.standard

    package init() {}

    /// How long a claimed delivery is hidden: an attempt and its record fit well in.
    var lease: Duration { timeout * 2 + .seconds(30) }
}
