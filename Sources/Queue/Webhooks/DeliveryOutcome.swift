package import Domain

/// How one delivery attempt ended.
package enum DeliveryOutcome: Hashable, Sendable {
    case delivered(at: Timestamp, status: Int)
    /// Due again at that instant. `wish`: how long the receiver asked to be sent nothing at all; zero if it did not.
    case retry(at: Timestamp, error: String, wish: Duration = .zero)
    case failed(at: Timestamp, error: String)
    /// The receiver wants no more (410): the delivery has failed, its endpoint is disabled.
    case gone(at: Timestamp, status: Int)
    /// Our own fault: due again at that instant. The attempt does not count and says nothing of the receiver.
    /// `isOfLane`: nothing else for the receiver can go before, either.
    case postponed(at: Timestamp, isOfLane: Bool = false)
}

/// One line of a delivery's log.
package struct DeliveryAttempt: Hashable, Sendable {
    /// Bytes that are kept of an answer.
    package static let answerLimit = 64 * 1024
    /// Attempts at one delivery that are kept: the last ones, for it can be sent anew without end.
    static let kept = 100

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

    /// As it is told once the clock that told its times was set back.
    func rebased(to now: Timestamp) -> DeliveryAttempt {
        guard endedAt > now else { return self }
        return DeliveryAttempt(
            attempt: attempt, startedAt: min(startedAt, now), endedAt: now, status: status, error: error, answer: answer
        )
    }
}
