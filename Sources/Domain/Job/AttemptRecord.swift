/// The journal's line on one attempt, written in the transaction that ends it.
package struct AttemptRecord: Hashable, Sendable {
    package let attempt: Int
    /// The id of the upstream key it was sent with; nil if it was not sent.
    package let key: String?
    /// The id of the egress path; nil if it was not sent.
    package let egress: String?
    package let startedAt: Timestamp
    package let endedAt: Timestamp
    /// The upstream's HTTP status; nil if none arrived.
    package let status: Int?
    /// The upstream's `request-id`.
    package let requestID: String?
    /// The verdict's stable word (``Verdict/code``), or `lease_expired`.
    package let verdict: String
    /// Whether the upstream may have executed and billed it although no answer was recorded.
    package let maybeBilled: Bool

    package init(
        attempt: Int, key: String?, egress: String?, startedAt: Timestamp, endedAt: Timestamp,
        status: Int?, requestID: String?, verdict: String, maybeBilled: Bool
    ) {
        self.attempt = attempt
        self.key = key
        self.egress = egress
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.status = status
        self.requestID = requestID
        self.verdict = verdict
        self.maybeBilled = maybeBilled
    }
}
