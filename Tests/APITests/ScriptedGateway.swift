import Domain
import Synchronization
import Upstream

/// A Gateway that answers as the test says, one step a call, and remembers what it was asked.
final class ScriptedGateway: UpstreamGateway, UpstreamKeyring {
    typealias Step = @Sendable (UpstreamCall) async -> OpenedExchange

    struct Record: Sendable {
        var calls: [UpstreamCall] = []
        var avoided: [Set<String>] = []
        var demands: [CallDemand] = []
        var booked: [Verdict] = []
        var usages: [TokenUsage?] = []
        var givenBack = 0
    }

    private struct State {
        var steps: [Step] = []
        var record = Record()
        var refusal: RelayError?
        var hasKey = true
        var paths = [EgressPath.direct]
    }

    private let state = Mutex(State())
    private let key = UpstreamKey(id: "default", organization: "org", secret: Secret("sk-secret"), rate: nil)

    var record: Record { state.withLock { $0.record } }

    func script(_ steps: Step...) {
        state.withLock { $0.steps += steps }
    }

    /// From now on no permit is to be had.
    func refusePermits(_ error: RelayError) {
        state.withLock { $0.refusal = error }
    }

    func removeKey() {
        state.withLock { $0.hasKey = false }
    }

    func goOver(_ paths: [EgressPath]) {
        state.withLock { $0.paths = paths }
    }

    func keys() -> [UpstreamKey] { state.withLock { $0.hasKey } ? [key] : [] }

    func permits(
        upTo limit: Int, for demand: CallDemand, within patience: Duration
    ) async throws(RelayError) -> [Permit] {
        state.withLock { $0.record.demands.append(demand) }
        if let refusal = state.withLock({ $0.refusal }) { throw refusal }
        return [Permit(key: key, start: Timestamp(microseconds: 0), block: nil)]
    }

    func status() -> GatewayStatus {
        GatewayStatus(
            keys: [], paths: EgressPool(state.withLock { $0.paths }).states(at: Timestamp(microseconds: 0)),
            inFlight: 0, overloadedUntil: nil)
    }

    func giveBack(_ permits: [Permit]) async {
        state.withLock { $0.record.givenBack += permits.count }
    }

    func exchange(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> Exchange {
        switch await open(call, with: permit, avoiding: egress) {
        case .settled(let exchange): return exchange
        case .streaming(let stream):
            let body = (try? await stream.body.collect(limit: .max)) ?? []
            return .answered(.success, UpstreamReply(status: stream.status, headers: stream.headers, body: body))
        }
    }

    func open(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> OpenedExchange {
        let step = state.withLock { state -> Step? in
            state.record.calls.append(call)
            state.record.avoided.append(egress)
            return state.steps.isEmpty ? nil : state.steps.removeFirst()
        }
        let unscripted = TransportFailure(.connect, maybeSent: false, detail: "not scripted")
        return await step?(call) ?? .settled(.answered(.egressFault(unscripted), nil))
    }

    func book(_ verdict: Verdict, of exchange: StreamedExchange, usage: TokenUsage?) async {
        state.withLock { state in
            state.record.usages.append(usage)
            state.record.booked.append(verdict)
        }
    }
}

extension Exchange {
    static func answered(_ verdict: Verdict, _ reply: UpstreamReply?) -> Exchange {
        let now = Timestamp(microseconds: 0)
        return Exchange(verdict: verdict, reply: reply, key: "default", egress: "path-1", startedAt: now, endedAt: now)
    }
}

extension OpenedExchange {
    static func reply(
        _ status: Int, _ body: String, _ verdict: Verdict = .success, headers: [HeaderField] = []
    ) -> OpenedExchange {
        let all = [HeaderField("content-type", "application/json"), HeaderField("request-id", "req_up")] + headers
        return .settled(.answered(verdict, UpstreamReply(status: status, headers: all, body: Array(body.utf8))))
    }

    /// A 200 whose body comes as it is, of any type.
    static func raw(
        _ status: Int, _ type: String, _ body: [UInt8], headers: [HeaderField] = []
    ) -> OpenedExchange {
        let rest = Mutex(body.isEmpty ? [] : [body])
        return .streaming(
            StreamedExchange(
                status: status, headers: [HeaderField("content-type", type)] + headers,
                body: AnswerBody { () throws(TransportFailure) in
                    rest.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                }, key: "default", egress: "path-1", startedAt: Timestamp(microseconds: 0)))
    }

    static func failure(_ kind: TransportFailure.Kind) -> OpenedExchange {
        .settled(.answered(.egressFault(TransportFailure(kind, maybeSent: false, detail: "scripted")), nil))
    }

    /// The connection broke after the request was sent.
    static let lost = OpenedExchange.settled(
        .answered(.egressFault(TransportFailure(.broken, maybeSent: true, detail: "scripted")), nil))

    /// A 200 stream with `chunks`, ended cleanly unless `failure` is given.
    static func events(_ chunks: [[UInt8]], then failure: TransportFailure? = nil) -> OpenedExchange {
        let rest = Mutex(chunks)
        return stream(
            AnswerBody { () throws(TransportFailure) in
                if let chunk = rest.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return chunk }
                if let failure { throw failure }
                return nil
            })
    }

    static func stream(_ body: AnswerBody) -> OpenedExchange {
        .streaming(
            StreamedExchange(
                status: 200,
                headers: [
                    HeaderField("content-type", "text/event-stream; charset=utf-8"),
                    HeaderField("request-id", "req_up"),
                ],
                body: body, key: "default", egress: "path-1", startedAt: Timestamp(microseconds: 0)))
    }
}
