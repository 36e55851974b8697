import Domain
import Synchronization

extension Gateway {
    /// A job whose permit was booked for too little may begin this much later under the right one: it is in a worker's hands
    /// already, and to be put back would cost more.
    static var sizeHorizon: Duration { .seconds(1) }
    /// What a permit may be short of, in tokens and as a factor, before it is exchanged: that costs two looks into the ledger.
    private static var shortTokens: Int { 500 }
    private static var shortFactor: Double { 1.25 }

    /// What ends a call whose start has come and that must not be sent; nil if it may be. Its slot is given back.
    ///
    /// A permit is booked ahead: its key may have been refused or paused since, or the provider have asked for a rest.
    func unsent(_ permit: Permit) async -> Exchange? {
        let verdict: Verdict
        if Task.isCancelled {
            let failure = TransportFailure(.canceled, maybeSent: false, detail: "canceled before it was sent")
            verdict = .egressFault(failure)
        } else if isHeldUp(permit) {
            // Not for how long: another key may be free at once, and a permit that is asked for waits by itself.
            verdict = .deferred(retryAfter: nil)
        } else {
            return nil
        }
        await giveBack([permit])
        return notBegun(permit, verdict)
    }

    /// The exchange of a call that was not begun.
    func notBegun(_ permit: Permit, _ verdict: Verdict) -> Exchange {
        let now = wall.now()
        return Exchange(
            verdict: verdict, reply: nil, key: permit.key.id, egress: Self.noPath, startedAt: now, endedAt: now)
    }

    /// Whether what has come up since `permit` was taken forbids to send with it.
    func isHeldUp(_ permit: Permit) -> Bool {
        let now = wall.now()
        return state.withLock { state in
            let isOut = !permit.isTrial && state.roster.outage(of: permit.key, at: now) != nil
            return isOut || state.brake.rests(at: now) != nil
                || state.standing.pause(of: permit.key, permit.models, at: now) != nil
        }
    }

    /// The call that tries a key has a 2xx: others need not wait for the end of its answer.
    func passed(_ permit: Permit) {
        guard permit.models != nil else { return }
        state.withLock { $0.roster.succeeded(permit.key, isTrial: true) }
    }

    /// Whether much less was booked for a job than it costs by its size, which was not known then.
    func isTooSmall(_ permit: Permit, for call: UpstreamCall, to model: String) -> Bool {
        guard permit.isMovable, let block = permit.block, let bytes = call.body?.count else { return false }
        func isShort(_ booked: Int?, _ needed: Int) -> Bool {
            guard let booked, needed > booked + Self.shortTokens else { return false }
            return Double(needed) > Double(booked) * Self.shortFactor
        }
        let cost = state.withLock { $0.estimator.estimate(model: model, bytes: bytes, maxTokens: nil) }
        if isShort(block.shares.compactMap(\.input?.tokens).min(), cost.input) { return true }
        // What the request allows is read only where it matters.
        let output = block.shares.compactMap(\.output?.tokens).min()
        return isShort(output, cost.output) && isShort(output, min(cost.output, call.maxTokens ?? .max))
    }
}

extension UpstreamCall {
    /// The request's own limit on its output; nil if it cannot be read.
    var maxTokens: Int? {
        guard let body, let fields = try? JSONFields(body), let member = fields.member("max_tokens") else { return nil }
        return JSONScanner.integer(body, at: member.value)
    }
}
