import Domain
import Glibc
import Synchronization
import Testing

@testable import Upstream

/// When a request is begun anew by itself: once, and only where the server cannot have executed it, or that does not matter.
@Suite(.timeLimit(.minutes(1)))
struct CurlTransportRepeatTests {
    private let listener = ExchangeListener()
    private let transport: CurlTransport

    init() throws {
        transport = try CurlTransport(observer: listener)
    }

    private func request(_ url: String, _ method: String) -> HTTPRequest {
        HTTPRequest(method: method, url: url, headers: [], body: method == "POST" ? Array("{}".utf8) : nil)
    }

    private func exchange(_ url: String, _ method: String = "POST") async throws(TransportFailure) -> Int {
        try await transport.exchange(request(url, method), over: .direct, limit: 1000).status
    }

    /// Answers every request; the first `count` wait for one another, so that each has a connection of its own.
    private func server(
        holding count: Int, counting requests: Requests, until end: Gate
    ) throws -> LoopbackServer {
        try LoopbackServer { connection in
            while connection.readRequest() != nil {
                if requests.another() == count { requests.haveCome.open() }
                requests.haveCome.block()
                connection.answer([])
            }
            end.block()  // our half of the connection stays open
        }
    }

    private final class Requests: Sendable {
        private let seen = Mutex(0)
        let haveCome = Gate()

        var count: Int { seen.withLock { $0 } }

        func another() -> Int {
            seen.withLock { seen in
                seen += 1
                return seen
            }
        }
    }

    /// A connection that takes no byte any more looks alive to libcurl, until it writes.
    @Test(arguments: [1, 4])
    func `a POST of which no byte left is begun anew once, on a connection of its own`(_ pooled: Int) async throws {
        let (requests, end) = (Requests(), Gate())
        defer { end.open() }
        let server = try server(holding: pooled, counting: requests, until: end)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<pooled { group.addTask { try await exchange(server.url) } }
            for try await status in group { #expect(status == 200) }
        }
        let sockets = OwnProcess.sockets(connectedTo: server.port)
        try #require(sockets.count == pooled)
        for socket in sockets { shutdown(socket, Int32(SHUT_WR)) }

        #expect(try await exchange(server.url) == 200)
        #expect(requests.count == pooled + 1 && server.connections == pooled + 1)
        let report = try #require(listener.reports.withLock { $0.last })
        #expect(report.repeats == 1 && report.connection == .new)
    }

    @Test(arguments: [("GET", 1), ("POST", 0)])
    func `a server that always closes sees a request that may be repeated twice, and others once`(
        _ method: String, _ repeats: Int
    ) async throws {
        let requests = Requests()
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil {
                guard requests.another() == 1 else { return }
                connection.answer([])
            }
        }
        #expect(try await exchange(server.url) == 200)
        do throws(TransportFailure) {
            _ = try await exchange(server.url, method)
            Issue.record("nothing was answered")
        } catch {
            #expect(error.kind == .broken && error.maybeSent)
        }
        #expect(requests.count == 2 + repeats && server.connections == 1 + repeats)
        #expect(listener.reports.withLock { $0.last?.repeats } == repeats)
    }
}
