package import Domain

/// The one way to the upstream: pace → pick key → pick egress → send → verdict. Interactive calls and jobs share it.
package protocol UpstreamGateway: Sendable {
    /// Waits until at least one call may be sent, and takes up to `limit` permits.
    /// - Throws: `no_upstream_key` if there is no usable key; `pacing_exhausted` with the time to wait if no permit
    ///   can be had within `patience`. `CancellationError` never: cancellation ends the wait as `pacing_exhausted`.
    func permits(upTo limit: Int, within patience: Duration) async throws(RelayError) -> [Permit]

    /// Gives back permits that will not be used.
    func giveBack(_ permits: [Permit]) async

    /// Waits for the permit's start, sends `call`, collects the answer and books its verdict.
    /// Cancelling the task closes the upstream connection; the exchange then ends as `.egressFault(.canceled)`.
    /// - Parameter egress: ids of paths that failed this request before, used only if nothing else is left.
    func exchange(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> Exchange

    /// The same up to the head of a 2xx answer, whose body then streams; any other answer is collected and settled.
    func open(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> OpenedExchange

    /// Books what became of a streamed answer after its head.
    func book(_ verdict: Verdict, of exchange: StreamedExchange) async
}

/// A request to the upstream, without credential and host.
package struct UpstreamCall: Hashable, Sendable {
    /// In capitals.
    package let method: String
    /// With query, from the leading slash.
    package let path: String
    /// What the client sent, less what concerns only its hop and the relay. No credential.
    package let headers: [HeaderField]
    package let body: [UInt8]?
    /// Of the body as it was taken in; nil if none was made. A body that has changed since is not sent.
    package let digest: BodyDigest?

    package init(
        method: String, path: String, headers: [HeaderField], body: [UInt8]?, digest: BodyDigest? = nil
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.digest = digest
    }

    /// Whether the body is still the one that was taken in, as far as that can be told.
    package var isIntact: Bool { digest.map { $0 == BodyDigest(body ?? []) } ?? true }
}

/// The right to send one call with one key from `start` on.
package struct Permit: Hashable, Sendable {
    package let key: UpstreamKey
    package let start: Timestamp
    /// Where in the ledger it came from; nil for an unlimited key.
    package let block: SlotBlock?

    package init(key: UpstreamKey, start: Timestamp, block: SlotBlock?) {
        self.key = key
        self.start = start
        self.block = block
    }
}

/// One finished exchange and what it means.
package struct Exchange: Hashable, Sendable {
    package let verdict: Verdict
    /// nil if no complete answer came.
    package let reply: UpstreamReply?
    /// Ids, for journals and metrics.
    package let key: String
    package let egress: String
    package let startedAt: Timestamp
    /// When the head of the answer was there; nil if none came.
    package let firstByteAt: Timestamp?
    package let endedAt: Timestamp

    package init(
        verdict: Verdict, reply: UpstreamReply?, key: String, egress: String, startedAt: Timestamp,
        firstByteAt: Timestamp? = nil, endedAt: Timestamp
    ) {
        self.verdict = verdict
        self.reply = reply
        self.key = key
        self.egress = egress
        self.startedAt = startedAt
        self.firstByteAt = firstByteAt
        self.endedAt = endedAt
    }
}

/// What came of sending a call whose answer may stream.
package enum OpenedExchange: Sendable {
    case streaming(StreamedExchange)
    case settled(Exchange)
}

/// A 2xx answer whose body is still arriving.
package struct StreamedExchange: Sendable {
    package let status: Int
    package let headers: [HeaderField]
    package let body: AnswerBody
    package let key: String
    package let egress: String
    package let startedAt: Timestamp

    package init(
        status: Int, headers: [HeaderField], body: AnswerBody, key: String, egress: String, startedAt: Timestamp
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.key = key
        self.egress = egress
        self.startedAt = startedAt
    }
}

/// Where the Gateway finds the keys it may use, as of now.
package protocol UpstreamKeyring: Sendable {
    func keys() -> [UpstreamKey]
}
