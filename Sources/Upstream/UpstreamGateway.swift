package import Domain

/// The one way to the upstream: pace → pick key → pick egress → send → verdict. Interactive calls and jobs share it.
package protocol UpstreamGateway: Sendable {
    /// Waits until at least one call may be sent, and takes up to `limit` permits. An interactive one may begin later, by
    /// up to ``ScopePacing/maxHorizon`` and `patience`: its place is booked.
    /// - Throws: `no_upstream_key` if there is no usable key; `pacing_exhausted` with the time to wait if no permit
    ///   can be had within `patience`. `CancellationError` never: cancellation ends the wait as `pacing_exhausted`.
    func permits(
        upTo limit: Int, for demand: CallDemand, within patience: Duration
    ) async throws(RelayError) -> [Permit]

    /// How keys, ways out and the provider stand now.
    func status() -> GatewayStatus

    /// Gives back permits that will not be used.
    func giveBack(_ permits: [Permit]) async

    /// Waits for the permit's start, sends `call`, collects the answer and books its verdict.
    /// Cancelling the task closes the upstream connection; the exchange then ends as `.egressFault(.canceled)`.
    /// - Parameter egress: ids of paths that failed this request before, used only if nothing else is left.
    func exchange(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> Exchange

    /// The same up to the head of a 2xx answer, whose body then streams; any other answer is collected and settled.
    func open(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> OpenedExchange

    /// Books what became of a streamed answer after its head.
    /// - Parameter usage: what it has cost, by what came of it if it broke off; nil if nothing tells.
    func book(_ verdict: Verdict, of exchange: StreamedExchange, usage: TokenUsage?) async
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
    /// What the answer says it has cost; nil if there is none or it does not say.
    package let usage: TokenUsage?

    package init(
        verdict: Verdict, reply: UpstreamReply?, key: String, egress: String, startedAt: Timestamp,
        firstByteAt: Timestamp? = nil, endedAt: Timestamp, usage: TokenUsage? = nil
    ) {
        self.usage = usage
        self.verdict = verdict
        self.reply = reply
        self.key = key
        self.egress = egress
        self.startedAt = startedAt
        self.firstByteAt = firstByteAt
        self.endedAt = endedAt
    }
}

extension Exchange {
    /// The path that the call's next attempt had better not go; nil if this one says nothing against it.
    package var suspectedEgress: String? {
        verdict.suspectsPath || reply?.isForeign == true ? egress : nil
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
    /// What it was sent with, for which model and which way; nil in tests that do not book.
    package let permit: Permit?
    package let call: UpstreamCall?
    let passage: EgressPool.Passage?

    package init(
        status: Int, headers: [HeaderField], body: AnswerBody, key: String, egress: String, startedAt: Timestamp,
        permit: Permit? = nil, call: UpstreamCall? = nil, passage: EgressPool.Passage? = nil
    ) {
        self.permit = permit
        self.call = call
        self.passage = passage
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
