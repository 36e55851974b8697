import Domain
import Synchronization
import Upstream

/// Every webhook receiver there is: answers from a script, except at the URLs that it holds back.
final class FakeReceiver: Transport {
    private struct State {
        var requests: [HTTPRequest] = []
        var paths: [EgressPath] = []
        var held: Set<String> = []
        var waiting: [String: AsyncStream<Void>.Continuation] = [:]
        var underWay = 0
        var peak = 0
    }

    typealias Script = @Sendable (HTTPRequest) throws(TransportFailure) -> UpstreamReply
    private let script: Script
    private let state = Mutex(State())

    var requests: [HTTPRequest] { state.withLock { $0.requests } }
    var paths: [EgressPath] { state.withLock { $0.paths } }
    /// The most requests that were under way at once.
    var peak: Int { state.withLock { $0.peak } }
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    init(holding urls: Set<String> = [], _ script: @escaping Script = { _ in .status(200) }) {
        self.script = script
        state.withLock { $0.held = urls }
    }

    /// Lets the request to `url` that is held back have its answer.
    func release(_ url: String) {
        state.withLock { $0.waiting.removeValue(forKey: url) }?.finish()
    }

    func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        let (gate, opening) = AsyncStream.makeStream(of: Void.self)
        let isHeld = state.withLock { state in
            state.requests.append(request)
            state.paths.append(path)
            state.underWay += 1
            state.peak = max(state.peak, state.underWay)
            guard state.held.contains(request.url) else { return false }
            state.waiting[request.url] = opening
            return true
        }
        defer { state.withLock { $0.underWay -= 1 } }
        if isHeld { for await _ in gate {} }
        if Task.isCancelled { throw TransportFailure(.canceled, maybeSent: true, detail: "canceled") }
        let reply = try script(request)
        return HTTPAnswer(status: reply.status, headers: reply.headers, body: AnswerBody { nil })
    }
}

extension UpstreamReply {
    static func status(_ status: Int, _ headers: [HeaderField] = []) -> UpstreamReply {
        UpstreamReply(status: status, headers: headers, body: [])
    }
}
