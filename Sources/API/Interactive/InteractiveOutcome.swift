import Domain
import HTTPTypes
import Upstream

/// How the last attempt of a synchronous call ended, and what its client gets to see of that.
struct InteractiveOutcome: Sendable {
    let verdict: Verdict
    let reply: UpstreamReply?
    let requestID: String

    init(_ exchange: Exchange, requestID: String) {
        self.init(verdict: exchange.verdict, reply: exchange.reply, requestID: requestID)
    }

    init(verdict: Verdict, reply: UpstreamReply?, requestID: String) {
        self.verdict = verdict
        self.reply = reply
        self.requestID = requestID
    }

    var hasReply: Bool { reply != nil }

    /// Whether it was not sent after all: why there is no other permit says more to the client.
    var isDeferred: Bool {
        guard case .deferred = verdict else { return false }
        return true
    }

    /// The upstream's answer where it concerns the client; the relay's own where it would tell of its keys and paths.
    /// - Throws: `no_upstream_key` or `upstream_unreachable`.
    func answer() throws(RelayError) -> Answer {
        switch verdict {
        case .keyRefused: throw Self.keysRefused
        case .deferred(let delay): throw Self.deferred(delay)
        case .egressRefused: throw Self.unreachable("the upstream refused every way out that was tried")
        case .egressFault(let failure) where failure.kind == .altered: throw Self.altered
        case .egressFault(let failure) where failure.kind == .exhausted && !failure.maybeSent:
            throw Self.exhausted
        case .egressFault(let failure):
            throw Self.unreachable(failure.kind.rawValue, mayBeExecuted: verdict.isMaybeBilled)
        case .success, .clientFault, .permissionRefused, .rateLimited, .spendLimited, .overloaded, .upstreamFault: break
        }
        guard let reply else { throw Self.unreachable("no answer") }
        if case .upstreamFault = verdict, (200..<300).contains(reply.status) {
            throw Self.unreachable("an incomplete answer", mayBeExecuted: true)
        }
        var headers = ForwardedHeaders.toClient(reply.headers)
        if isHopeless { headers[.shouldRetry] = "false" }
        return .full(status: reply.status, headers: headers, body: reply.body)
    }

    /// Whether a client does better not to wait and try again: the relay's budget is spent by now, and each further
    /// attempt may be billed, or must wait for long.
    private var isHopeless: Bool {
        verdict == .spendLimited || verdict.isMaybeBilled
            || (verdict.retryAfter ?? .zero) > ErrorResponse.longestClientWait
    }

    private static let keysRefused = RelayError(
        .noUpstreamKey, "The upstream refused every key that was tried.",
        remedy: "Check the upstream keys with relay keys list and relay doctor.")

    private static func deferred(_ delay: Duration?) -> RelayError {
        RelayError(
            .pacingExhausted, "The upstream held up each key that the call was to be sent with; nothing was sent.",
            remedy: "Send it again after the Retry-After delay, or submit it as a job.",
            retryAfter: delay ?? .seconds(1))
    }

    private static let exhausted = RelayError(
        .localExhaustion, "The relay's machine has no socket, port or memory left for another call; nothing was sent.",
        remedy: "Retry after the delay; raise the limit on open files (ulimit -n) or lower worker.concurrency.",
        retryAfter: .seconds(1))

    private static let altered = RelayError(
        .internalFault, "The request's bytes changed inside the relay; nothing was sent.",
        remedy: "Retry; if it happens again, check this machine's memory.")

    /// - Parameter mayBeExecuted: whether the upstream may have done the work although its answer is lost.
    static func unreachable(_ reason: String, mayBeExecuted: Bool = false) -> RelayError {
        RelayError(
            .upstreamUnreachable, "The upstream gave no usable answer (\(reason)).",
            remedy: mayBeExecuted
                ? "Retry if it may be billed twice; it may have been executed." : "Retry; it was not executed.",
            isFinal: mayBeExecuted)
    }
}
