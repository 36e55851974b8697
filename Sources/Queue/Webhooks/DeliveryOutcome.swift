package import Domain

/// How one delivery attempt ended.
package enum DeliveryOutcome: Hashable, Sendable {
    case delivered(at: Timestamp, status: Int)
    /// Due again at that instant.
    case retry(at: Timestamp, error: String)
    case failed(at: Timestamp, error: String)
    /// The receiver wants no more (410): the delivery has failed, its endpoint is disabled.
    case gone(at: Timestamp, status: Int)
    /// Our own fault: due again at that instant. The attempt does not count and says nothing of the receiver.
    case postponed(at: Timestamp)
}

/// One line of a delivery's log.
package struct DeliveryAttempt: Hashable, Sendable {
    /// Bytes that are kept of an answer.
    package static let answerLimit = 64 * 1024

    /// From 1.
    package let attempt: Int
    package let startedAt: Timestamp
    package let endedAt: Timestamp
    /// nil if there was no answer.
    package let status: Int?
    package let error: String?
    /// What the answer's body began with.
    package let answer: [UInt8]

    package init(
        attempt: Int, startedAt: Timestamp, endedAt: Timestamp, status: Int?, error: String?, answer: [UInt8] = []
    ) {
        self.attempt = attempt
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.status = status
        self.error = error
        self.answer = Array(answer.prefix(Self.answerLimit))
    }
}
