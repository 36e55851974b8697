/// The journal's line on one attempt, written in the transaction that ends it.
package struct AttemptRecord: Hashable, Sendable {
    package let attempt: Int
    /// The id of the upstream key it was sent with; nil if it was not sent.
    package let key: String?
    /// The id of the egress path; nil if it was not sent.
    package let egress: String?
    package let startedAt: Timestamp
    /// When the head of the answer was there; nil if none came.
    package let firstByteAt: Timestamp?
    package let endedAt: Timestamp
    /// The upstream's HTTP status; nil if none arrived.
    package let status: Int?
    /// The upstream's `request-id`.
    package let requestID: String?
    /// The verdict's stable word (``Verdict/code``), or `lease_expired`.
    package let verdict: String
    /// The upstream's word for its refusal (`error_code`, or the envelope's type); nil if it did not refuse.
    package let error: String?
    /// Whether the upstream may have executed and billed it although no answer was recorded.
    package let maybeBilled: Bool
    /// Bytes of the body sent and of the answer's body received.
    package let bytesSent: Int
    package let bytesReceived: Int
    /// nil if the answer did not say.
    package let usage: TokenUsage?

    package init(
        attempt: Int, key: String?, egress: String?, startedAt: Timestamp, firstByteAt: Timestamp? = nil,
        endedAt: Timestamp, status: Int?, requestID: String?, verdict: String, error: String? = nil,
        maybeBilled: Bool, bytesSent: Int = 0, bytesReceived: Int = 0, usage: TokenUsage? = nil
    ) {
        self.attempt = attempt
        self.key = key
        self.egress = egress
        self.startedAt = startedAt
        self.firstByteAt = firstByteAt
        self.endedAt = endedAt
        self.status = status
        self.requestID = requestID
        self.verdict = verdict
        self.error = error
        self.maybeBilled = maybeBilled
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.usage = usage
    }

    /// The path that the next attempt had better not go, as ``Verdict/suspectsPath`` and ``UpstreamReply/isForeign`` say.
    package var suspectedEgress: String? {
        let isForeign = (status ?? 0) >= 400 && requestID == nil && error == nil
        let isPaths = verdict.hasPrefix("egress_") && verdict != "egress_fault_exhausted"
        return isPaths || isForeign || verdict == "upstream_fault" ? egress : nil
    }
}
