import Domain
import Synchronization
import Upstream

/// Gives permits as it is told and answers every call from a script; keeps the books of both.
final class ScriptedGateway: UpstreamGateway {
    struct Answer: Sendable {
        var verdict = Verdict.success
        var reply: UpstreamReply?
    }

    private struct State {
        var asked: [Int] = []
        var refusals: [RelayError] = []
        var issued = 0
        var returned = 0
        var calls: [UpstreamCall] = []
        var avoided: [Set<String>] = []
        var misfits = 0
        var underWay = 0
        var peak = 0
        var isHolding = false
        var held: [AsyncStream<Void>.Continuation] = []
    }

    private let wall: any WallClock
    /// Whether a call that is held ends when its task is cancelled.
    private let closesCalls: Bool
    private let answer: Answer
    private let state = Mutex(State())

    /// How many permits were asked for, each time.
    var asked: [Int] { state.withLock { $0.asked } }
    var returned: Int { state.withLock { $0.returned } }
    var calls: [UpstreamCall] { state.withLock { $0.calls } }
    /// The paths that each call was to avoid.
    var avoided: [Set<String>] { state.withLock { $0.avoided } }
    /// Calls that were sent with a permit for another class of models.
    var misfits: Int { state.withLock { $0.misfits } }
    var peak: Int { state.withLock { $0.peak } }
    /// Calls that wait for ``release()``.
    var heldCount: Int { state.withLock { $0.held.count } }
    /// Permits that were neither used nor given back.
    var outstanding: Int { state.withLock { $0.issued - $0.returned - $0.calls.count } }

    init(wall: any WallClock, closesCalls: Bool = true, answer: Answer = .success) {
        self.wall = wall
        self.closesCalls = closesCalls
        self.answer = answer
    }

    /// Calls wait for ``release()`` from now on.
    func hold() { state.withLock { $0.isHolding = true } }

    /// Lets the calls that wait have their answers; later ones do not wait.
    func release() {
        let held = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for call in held { call.finish() }
    }

    /// The next call for permits fails.
    func refuseOnce(_ error: RelayError) { state.withLock { $0.refusals.append(error) } }

    func permit(for models: ModelClass? = nil, start: Timestamp? = nil) -> Permit {
        state.withLock { $0.issued += 1 }
        let key = UpstreamKey(id: "key-1", organization: "org", secret: Secret("s"), rate: nil)
        return Permit(key: key, start: start ?? wall.now(), block: nil, models: models)
    }

    func permits(
        upTo limit: Int, for demand: CallDemand, within patience: Duration
    ) async throws(RelayError) -> [Permit] {
        let refusal = state.withLock { state in
            state.asked.append(limit)
            return state.refusals.isEmpty ? nil : state.refusals.removeFirst()
        }
        if let refusal { throw refusal }
        return (0..<limit).map { _ in permit(for: demand.models) }
    }

    func status() -> GatewayStatus {
        GatewayStatus(
            keys: [],
            paths: EgressPool([.direct, EgressPath(id: "other", route: .source("127.0.0.2"))])
                .states(at: Timestamp(microseconds: 0)),
            inFlight: 0, overloadedUntil: nil)
    }

    func giveBack(_ permits: [Permit]) async {
        state.withLock { $0.returned += permits.count }
    }

    func exchange(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> Exchange {
        let startedAt = wall.now()
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        state.withLock { state in
            state.calls.append(call)
            state.avoided.append(egress)
            if let models = permit.models, call.model.map(ModelClass.init(model:)) != models { state.misfits += 1 }
            state.underWay += 1
            state.peak = max(state.peak, state.underWay)
            if state.isHolding { state.held.append(opening) } else { opening.finish() }
        }
        if closesCalls { await Self.pass(gate) } else { await Task { await Self.pass(gate) }.value }
        state.withLock { $0.underWay -= 1 }
        let answer = closesCalls && Task.isCancelled ? .closed : answer
        return Exchange(
            verdict: answer.verdict, reply: answer.reply, key: permit.key.id, egress: "direct", startedAt: startedAt,
            endedAt: wall.now())
    }

    private static func pass(_ gate: AsyncStream<Void>) async {
        for await _ in gate {}
    }

    func open(_ call: UpstreamCall, with permit: Permit, avoiding egress: Set<String>) async -> OpenedExchange {
        .settled(await exchange(call, with: permit, avoiding: egress))
    }

    func book(_ verdict: Verdict, of exchange: StreamedExchange, usage: TokenUsage?) async {}
}

extension ScriptedGateway.Answer {
    static let success = Self(reply: .sample(200))
    /// We closed the call after it was sent.
    static let closed = Self(
        verdict: .egressFault(TransportFailure(.canceled, maybeSent: true, detail: "canceled")), reply: nil)
}

extension UpstreamReply {
    static func sample(_ status: Int, _ headers: [HeaderField] = []) -> UpstreamReply {
        UpstreamReply(
            status: status, headers: [HeaderField("request-id", "req_1")] + headers, body: Array("{\"n\":1}".utf8))
    }
}
