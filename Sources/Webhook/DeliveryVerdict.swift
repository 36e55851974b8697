import Domain
import Queue

/// What a receiver's answer, or its absence, means for a delivery. Pure.
struct DeliveryVerdict {
    /// How long to wait when this machine has no socket for an attempt.
    private static let scarcityPause = Duration.seconds(1)
    let schedule: DeliverySchedule

    /// - Parameters:
    ///   - result: the answer, or why there is none.
    ///   - attempt: from 1, where the schedule stands.
    func outcome(
        of result: Result<ReceiverAnswer, TransportFailure>, attempt: Int, at now: Timestamp,
        using random: inout some RandomNumberGenerator
    ) -> DeliveryOutcome {
        let error: String
        var (floor, wish) = (Duration?.none, Duration.zero)
        switch result {
        case .success(let answer) where (200...299).contains(answer.status):
            return .delivered(at: now, status: answer.status)
        case .success(let answer) where answer.status == 410:
            return .gone(at: now, status: answer.status)
        case .success(let answer):
            let isRedirect = (300...399).contains(answer.status)
            error = "HTTP \(answer.status)" + (isRedirect ? "; redirects are not followed" : "")
            floor = RetryAfter.read(answer.headers, at: now)
            // Asked for all that is sent there.
            if answer.status == 429 || answer.status == 503 { wish = floor ?? .zero }
        case .failure(let failure) where failure.kind == .canceled:  // by us: says nothing about the receiver
            return .postponed(at: now)
        case .failure(let failure) where failure.kind == .exhausted:
            return .postponed(at: now.advanced(by: Self.scarcityPause))
        case .failure(let failure):
            error = "\(failure.kind.rawValue): \(failure.detail)"
        }
        guard let delay = schedule.delay(afterAttempt: attempt, floor: floor, using: &random) else {
            return .failed(at: now, error: error)
        }
        return .retry(at: now.advanced(by: delay), error: error, wish: wish)
    }
}
