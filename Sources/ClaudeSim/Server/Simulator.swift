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
        state = Mutex(SimulatorState(settings))
    }

    /// Time since the start. Read it while holding the lock where order matters.
    var now: Duration { ContinuousClock.now - start }

    func reply(to request: SimulatorRequest) -> Reply {
        if request.path.hasPrefix("/sim/") { return answerControl(request) }
        if isRefused(request.source) { return refuse(.regionRefused) }
        return switch (request.path, request.method) {
        case ("/v1/messages", .POST): answerMessages(request)
        case ("/v1/messages/count_tokens", .POST): answerTokenCount(request)
        case ("/v1/models", .GET): answerModels(request)
        case ("/api/hello", .HEAD): other(ReplyComposer.whole(status: 200, ByteBuffer(), headers: newHeaders().headers))
        case (let path, .GET) where path.hasPrefix("/v1/models/"): answerModel(request)
        default: refuse(Self.misrouted(request))
        }
    }

    /// The answer to a body that is too large; it goes out before the body is read.
    func refuseTooLarge() -> Reply { refuse(.tooLarge) }

    func finish(scope: LimitScope) {
        state.withLock { $0.finish(scope: scope) }
    }

    private func isRefused(_ source: String?) -> Bool {
        guard let source else { return false }
        return state.withLock { state in
            let isRefused = state.refusedSources.contains(source)
            state.statistics.recordSource(source, isRefused: isRefused)
            return isRefused
        }
    }

    /// Answers with an envelope and counts it.
    func refuse(_ error: ErrorEnvelope, organization: String? = nil) -> Reply {
        let (requestID, headers) = newHeaders(organization: organization)
        return other(ReplyComposer.steps(for: error, requestID: requestID, headers: headers))
    }

    /// Counts an answer that has nothing to do with limits and executions.
    func other(_ steps: [ReplyStep]) -> Reply {
        if case .head(let status, _) = steps.first { state.withLock { $0.statistics.recordOther(status: status) } }
        return Reply(steps: steps)
    }

    /// What every answer carries.
    /// - Parameter organization: the name of the one that the key belongs to; nil without an accepted key.
    func newHeaders(organization: String? = nil) -> (requestID: String, headers: HTTPHeaders) {
        let number = sequence.add(1, ordering: .relaxed).newValue
        let requestID = "req_sim" + Fingerprint.hex(SeededGenerator.mix(settings.seed &+ number))
        let id = organization.map(Organizations.id) ?? settings.organization
        return (requestID, ["request-id": requestID, "anthropic-organization-id": id])
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
