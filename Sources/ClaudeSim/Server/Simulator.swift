import NIOCore
import NIOHTTP1
import Synchronization

/// The simulated API: a request in, the steps of its answer out. Knows nothing of sockets.
final class Simulator: Sendable {
    /// Bodies above this are refused as the API's edge does.
    static let maxBodyBytes = 32 * 1_024 * 1_024

    let settings: SimulatorSettings
    let composer: ReplyComposer
    let state: Mutex<SimulatorState>
    private let sequence = Atomic<UInt64>(0)
    private let start = ContinuousClock.now

    init(_ settings: SimulatorSettings) {
        self.settings = settings
        composer = ReplyComposer(
            writer: MessageWriter(filler: FillerText(count: settings.outputTokens)), latency: settings.latency,
            tokenInterval: settings.tokenInterval, slowness: settings.slowness
        )
        state = Mutex(
            SimulatorState(
                seed: settings.seed, limits: settings.limits, plan: settings.faults, maxTracked: settings.maxTracked
            )
        )
    }

    /// Time since the start. Read it while holding the lock where order matters.
    var now: Duration { ContinuousClock.now - start }

    func reply(to request: SimulatorRequest) -> Reply {
        switch (request.path, request.method) {
        case ("/v1/messages", .POST): answerMessages(request)
        case ("/v1/messages/count_tokens", .POST): answerTokenCount(request)
        case ("/v1/models", .GET): answerModels(request)
        case ("/api/hello", .HEAD): other(ReplyComposer.whole(status: 200, ByteBuffer(), headers: newHeaders().headers))
        case (let path, .GET) where path.hasPrefix("/v1/models/"): answerModel(request)
        case (let path, _) where path.hasPrefix("/sim/"): answerControl(request)
        default: refuse(Self.misrouted(request))
        }
    }

    /// The answer to a body that is too large; it goes out before the body is read.
    func refuseTooLarge() -> Reply { refuse(.tooLarge) }

    func finish(account: String) {
        state.withLock { $0.finish(account: account) }
    }

    /// Answers with an envelope and counts it.
    func refuse(_ error: ErrorEnvelope) -> Reply {
        let (requestID, headers) = newHeaders()
        return other(ReplyComposer.steps(for: error, requestID: requestID, headers: headers))
    }

    /// Counts an answer that has nothing to do with limits and executions.
    func other(_ steps: [ReplyStep]) -> Reply {
        if case .head(let status, _) = steps.first { state.withLock { $0.recordOther(status: status) } }
        return Reply(steps: steps)
    }

    /// What every answer carries.
    func newHeaders() -> (requestID: String, headers: HTTPHeaders) {
        let number = sequence.add(1, ordering: .relaxed).newValue
        let requestID = "req_sim" + Fingerprint.hex(SeededGenerator.mix(settings.seed &+ number))
        return (requestID, ["request-id": requestID, "anthropic-organization-id": settings.organization])
    }

    private static func misrouted(_ request: SimulatorRequest) -> ErrorEnvelope {
        let path = request.path
        let known = ["/v1/messages", "/v1/messages/count_tokens", "/v1/models", "/api/hello"]
        guard known.contains(String(path)) || path.hasPrefix("/v1/models/") else {
            return .notFound("Not found: \(path)")
        }
        return .methodNotAllowed("Method \(request.method.rawValue) is not allowed for \(path).")
    }
}
