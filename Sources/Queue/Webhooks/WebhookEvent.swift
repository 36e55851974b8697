package import Domain

/// What subscribers can hear of.
package enum WebhookEvent: String, Hashable, Sendable, CaseIterable {
    case jobSucceeded = "job.succeeded"
    case jobErrored = "job.errored"
    case jobCanceled = "job.canceled"
    case jobExpired = "job.expired"
    /// All requests of a Message Batch have ended.
    case batchEnded = "batch.ended"
    /// Another endpoint of the tenant was disabled because of what it answered, or did not.
    case webhookDisabled = "webhook.disabled"
    /// Somebody tests the endpoint.
    case webhookTest = "webhook.test"

    /// What endpoints can listen to. A test goes to the endpoint that is tested, whatever it listens to.
    package static let subscribable = allCases.filter { $0 != .webhookTest }

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
