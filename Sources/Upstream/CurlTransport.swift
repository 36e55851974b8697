package import Domain
import Synchronization

/// Sends requests with libcurl: HTTP/1.1 and HTTP/2, over pooled connections that are kept alive.
///
/// Nothing is added to a request but framing and `Host`; nothing is decoded but the framing of the answer. Redirects are
/// answers. Proxies come from the egress path alone, never from the environment. Once a byte of a request that changes
/// something may have left, it is never sent again by itself.
package final class CurlTransport: Transport {
    private struct Engines {
        var shared: [CurlEngine] = []
        /// One for each source address: libcurl would let others reuse connections bound to one.
        var bySource: [String: CurlEngine] = [:]
        /// Those of sources that are not used any more, until their last exchange has ended.
        var retiring: [Retiring] = []
        /// The only ones in use; nil for any.
        var routes: Set<EgressPath.Route>?
        var next = 0
        var isStopped = false

        func isGivenUp(_ route: EgressPath.Route) -> Bool {
            routes.map { !$0.contains(route) } ?? false
        }

        /// Lets the engines of sources that are not in use go.
        mutating func retireUnused() {
            retiring.removeAll { $0.engine == nil }
            for (address, engine) in bySource where isGivenUp(.source(address)) {
                bySource[address] = nil
                retiring.append(Retiring(engine: engine))
                engine.retire()
            }
        }
    }

    private struct Retiring {
        weak var engine: CurlEngine?
    }

    private let engines: Mutex<Engines>
    private let authorities: TrustedAuthorities
    private let observer: (any TransportObserver)?

    /// - Parameters:
    ///   - threads: 1 or more; each has its own connections. One is enough for some 15,000 exchanges/s.
    ///   - authorities: who may sign for servers and proxies.
    ///   - observer: is told of exchanges and sockets; nil for nobody.
    /// - Throws: `internal_fault` if the system gives no thread or file descriptor.
    package init(
        threads: Int = 1, authorities: TrustedAuthorities = .system, observer: (any TransportObserver)? = nil
    ) throws(RelayError) {
        var shared: [CurlEngine] = []
        do throws(RelayError) {
            for _ in 0..<max(1, threads) {
                shared.append(try CurlEngine(name: "outgoing", authorities: authorities, observer: observer))
            }
        } catch {
            for engine in shared { engine.shutdown() }
            throw error
        }
        let started = shared
        self.engines = Mutex(Engines(shared: started))
        self.authorities = authorities
        self.observer = observer
    }

    deinit {
        shutdown()
    }

    package func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        guard let policy = request.addresses, case .proxy = path.route else {
            return try await begin(request, over: path)
        }
        return try await begin(pinned(request, by: policy), over: path)
    }

    func begin(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        let mailbox = try start(request, over: path)
        let head = try await mailbox.head().get()
        let reader = AnswerReader(mailbox)
        return HTTPAnswer(
            status: head.status, headers: head.headers,
            body: AnswerBody { () async throws(TransportFailure) in try await reader.next() })
    }

    private func start(_ request: HTTPRequest, over path: EgressPath) throws(TransportFailure) -> AnswerMailbox {
        while true {
            // nil: it has retired since it was looked up, and the next look finds another.
            guard let mailbox = try engine(for: path).start(request, over: path) else { continue }
            engines.withLock { if $0.isGivenUp(path.route) { $0.retireUnused() } }
            return mailbox
        }
    }

    package func keep(_ paths: [EgressPath]) {
        let routes = Set(paths.map(\.route))
        engines.withLock { engines in
            engines.routes = routes
            engines.retireUnused()
            for engine in engines.shared { engine.keep(routes) }
        }
        observer?.pathsKept(Set(paths.map(\.id)))
    }

    /// Ends every exchange in flight as canceled and every thread. Later calls fail. Waits for the threads.
    package func shutdown() {
        let stopped = engines.withLock { engines in
            engines.isStopped = true
            defer { engines.shared = [] }
            defer { engines.bySource = [:] }
            return engines.shared + engines.bySource.values + engines.retiring.compactMap(\.engine)
        }
        for engine in stopped { engine.shutdown() }
    }

    private func engine(for path: EgressPath) throws(TransportFailure) -> CurlEngine {
        let found: Result<CurlEngine, TransportFailure> = engines.withLock { engines in
            guard !engines.isStopped else { return .failure(CurlEngine.stopped(maybeSent: false)) }
            guard case .source(let address) = path.route else {
                engines.next = (engines.next + 1) % engines.shared.count
                return .success(engines.shared[engines.next])
            }
            if let engine = engines.bySource[address] { return .success(engine) }
            do throws(RelayError) {
                let engine = try CurlEngine(name: address, authorities: authorities, observer: observer)
                engines.bySource[address] = engine
                return .success(engine)
            } catch {
                return .failure(TransportFailure(.exhausted, maybeSent: false, detail: error.message))
            }
        }
        return try found.get()
    }
}

/// Who may sign certificates: PEM files of the only ones; nil for the system's.
package struct TrustedAuthorities: Hashable, Sendable {
    /// For the upstream.
    package let servers: String?
    /// For proxies that are spoken to over TLS.
    package let proxies: String?

    package init(servers: String? = nil, proxies: String? = nil) {
        self.servers = servers
        self.proxies = proxies
    }

    package static let system = TrustedAuthorities()
}

/// The reader's hold on an answer: when nobody holds it any more, the rest of the answer is not wanted.
private final class AnswerReader: Sendable {
    private let mailbox: AnswerMailbox

    init(_ mailbox: AnswerMailbox) {
        self.mailbox = mailbox
    }

    deinit {
        mailbox.cancel()
    }

    func next() async throws(TransportFailure) -> [UInt8]? {
        try await mailbox.next().get()
    }
}
