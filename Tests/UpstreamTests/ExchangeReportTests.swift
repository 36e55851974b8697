import Domain
import Synchronization
import Testing

@testable import Upstream

struct ExchangeReportTests {
    private let listener = ExchangeListener()

    private func exchange(_ url: String, with transport: CurlTransport) async throws(TransportFailure) {
        let request = HTTPRequest(method: "POST", url: url, headers: [], body: [1], timeouts: .upstream)
        _ = try await transport.exchange(request, over: .direct, limit: 1000)
    }

    @Test func `phases and sockets of a new and of a reused connection`() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() { connection.answer(request.body) }
        }
        let transport = try CurlTransport(observer: listener)
        try await exchange(server.url, with: transport)
        try await exchange(server.url, with: transport)
        #expect(
            listener.changes == [[1, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [0, 0, 1]],
            "both over one socket, which waits for more")
        transport.shutdown()
        #expect(listener.changes.last == [-1, 0, -1])

        let reports = listener.reports.withLock { $0 }
        try #require(reports.count == 2)
        #expect(reports.allSatisfy { $0.path == "direct" && $0.failure == nil && $0.repeats == 0 })
        #expect(reports.allSatisfy { $0.callsOnConnection == 1 })
        #expect(reports.map(\.connection) == [.new, .reused])
        for report in reports {
            let firstByte = try #require(report.firstByte)
            #expect(firstByte > .zero && firstByte + (report.longestGap ?? .zero) <= report.total)
        }
        let connections = listener.connections.withLock { $0 }
        let made = try #require(connections.first)
        #expect(connections.count == 1 && made.path == "direct" && made.family == .ipv4 && made.session == .none)
        #expect(made.phases.connect > .zero && made.phases.connect <= reports[0].total)
        #expect(made.phases == .init(connect: made.phases.connect), "no name, no proxy, no TLS")
    }

    @Test func `a name is asked for once, and is then remembered; an address is no name`() async throws {
        let server = try LoopbackServer { connection in
            if connection.readRequest() != nil {
                connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            }
        }
        var (listener, transport) = (self.listener, try CurlTransport(observer: self.listener))
        for _ in 0..<5 {
            let begin = ContinuousClock.now
            for host in ["localhost", "localhost", "127.0.0.1", "localhost"] {
                try await exchange("http://\(host):\(server.port)", with: transport)
            }
            // libcurl remembers for a minute: other tests may have taken longer meanwhile.
            guard ContinuousClock.now - begin > .seconds(50) else { break }
            transport.shutdown()
            listener = ExchangeListener()
            transport = try CurlTransport(observer: listener)
        }
        #expect(listener.lookups.withLock { $0 } == [false, true, true])
        let connections = listener.connections.withLock { $0 }
        #expect(connections.map { $0.phases.resolve != nil } == [true, false, false, false])
        #expect(connections.allSatisfy { $0.family == .ipv4 }, "nobody listens on ::1")
        transport.shutdown()
        let sockets = listener.changes
        #expect((0..<3).allSatisfy { kind in sockets.map { $0[kind] }.reduce(0, +) == 0 })
    }

    @Test func `a proxy's name is what is resolved, and the upstream's is not`() async throws {
        let proxy = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.answer([]) }
        }
        let transport = try CurlTransport(observer: listener)
        let request = HTTPRequest(method: "POST", url: "http://nowhere.invalid/", headers: [], body: [1])
        for host in ["localhost", "127.0.0.1"] {
            let path = EgressPath(id: host, route: .proxy(Secret("http://\(host):\(proxy.port)")))
            _ = try await transport.exchange(request, over: path, limit: 1000)
        }
        #expect(listener.lookups.withLock { $0 } == [false])
        #expect(listener.connections.withLock { $0.map(\.path) } == ["localhost", "127.0.0.1"])
    }

    @Test func `a name that does not exist was asked for, and no connection is told of`() async throws {
        let transport = try CurlTransport(observer: listener)
        await #expect(throws: TransportFailure.self) {
            try await exchange("http://nowhere.invalid", with: transport)
        }
        #expect(listener.lookups.withLock { $0 } == [false] && listener.connections.withLock { $0.isEmpty })
    }

    @Test(arguments: [
        ("http://127.0.0.1:80", false), ("https://[::1]/v1", false), ("https://[fe80::1%25lo]:1", false),
        ("socks5h://user:word@10.0.0.1:1080", false), ("socks5h://user:word@proxy.example:1080", true),
        ("http://2130706433:9/", false), ("proxy.example:3128", true), ("http://localhost", true),
    ])
    func `addresses and names are told apart`(_ url: String, isName: Bool) {
        #expect(CurlTransfer.namesHost(url) == isName)
    }

    @Test func `the observer hears which paths are left`() throws {
        let transport = try CurlTransport(observer: listener)
        transport.keep([.direct, EgressPath(id: "s", route: .source("127.0.0.9"))])
        #expect(listener.kept.withLock { $0 } == [["direct", "s"]])
    }

    @Test func `an answer that never began has no phases and says what failed`() async throws {
        let transport = try CurlTransport(observer: listener)
        let port = try LoopbackServer.closedPort()
        await #expect(throws: TransportFailure.self) {
            try await exchange("http://127.0.0.1:\(port)", with: transport)
        }
        let report = try #require(listener.reports.withLock { $0.first })
        #expect(
            report.failure == .connect && report.connection == .none && report.firstByte == nil
                && report.longestGap == nil)
        #expect(listener.connections.withLock { $0.isEmpty })
        #expect(listener.changes.first == [1, 1, 0] && listener.changes.last == [-1, -1, 0])
    }

    @Test func `the longest wait between arrivals leaves out the waits for our reader`() {
        func at(_ seconds: Int64) -> ContinuousTicks { ContinuousTicks(nanoseconds: seconds * 1_000_000_000) }
        var clocks = ExchangeClocks(.upstream, at: at(0))
        clocks.requestStarted(at: at(1))
        clocks.headArrived(at: at(5))
        #expect(clocks.longestGap == nil)
        clocks.bytesArrived(at: at(7))
        clocks.bytesArrived(at: at(8))
        clocks.paused()
        clocks.bytesArrived(at: at(60))
        clocks.bytesArrived(at: at(61))
        #expect(clocks.longestGap == .seconds(2))
    }
}
