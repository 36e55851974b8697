import Domain

// What the relay itself writes down when no answer of the upstream can be.

extension AttemptRecord {
    /// The journal line of an attempt whose worker vanished: nobody knows whether it was sent.
    static func leaseExpired(attempt: Int, claimedAt: Timestamp, at now: Timestamp) -> AttemptRecord {
        AttemptRecord(
            attempt: attempt, key: nil, egress: nil, startedAt: claimedAt, endedAt: now, status: nil, requestID: nil,
            verdict: "lease_expired", maybeBilled: true)
    }
}

extension RandomNumberGenerator {
    /// `evt_` and 128 random bits in hexadecimal.
    mutating func makeDeliveryID() -> String { "evt_" + RandomName.make(using: &self) }
}
