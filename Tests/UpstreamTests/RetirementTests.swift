import Domain
import Glibc
import Testing

@testable import Upstream

/// What is given back when paths are no longer in use.
@Suite(.timeLimit(.minutes(1)))
struct RetirementTests {
    private let transport: CurlTransport

    init() throws {
        transport = try CurlTransport()
    }

    private func request(_ server: LoopbackServer) -> HTTPRequest {
        HTTPRequest(method: "POST", url: server.url, headers: [], body: Array("{}".utf8))
    }

    private func status(_ server: LoopbackServer, over path: EgressPath) async throws(TransportFailure) -> Int {
        try await transport.exchange(request(server), over: path, limit: 100).status
    }

    /// - Parameter count: of threads that go by a source's address.
    private func becomes(_ count: Int, _ address: String) async throws {
        while try OwnProcess.threads(named: address) != count { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `the thread of a source ends with its last exchange after its path has gone, and comes back with it`()
        async throws
    {
        let (path, address) = (EgressPath(id: "s", route: .source("127.77.0.1")), "127.77.0.1")
        let (mayEnd, isAsked) = (Gate(), Gate())
        let server = try LoopbackServer { connection in
            while let asked = connection.readRequest() {
                guard asked.body == Array("stream".utf8) else {
                    connection.answer([])
                    continue
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                isAsked.open()
                mayEnd.block()
                connection.send("done")
            }
        }
        transport.keep([path, .direct])
        let streamed = HTTPRequest(method: "POST", url: server.url, headers: [], body: Array("stream".utf8))
        let answer = try await transport.send(streamed, over: path)
        #expect(try await answer.body.next() == Array("half".utf8))
        try await becomes(1, address)

        transport.keep([.direct])
        #expect(try OwnProcess.threads(named: address) == 1, "its stream is alive")
        transport.keep([path, .direct])
        #expect(try await status(server, over: path) == 200)
        try await becomes(2, address)
        transport.keep([.direct])
        try await becomes(1, address)

        mayEnd.open()
        #expect(try await answer.body.collect(limit: 100) == Array("done".utf8))
        try await becomes(0, address)
        #expect(OwnProcess.sockets(connectedTo: server.port).isEmpty)
    }

    @Test func `a call over a path that has just gone is made, and leaves no thread behind`() async throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.answer([]) }
        }
        transport.keep([.direct])
        #expect(try await status(server, over: EgressPath(id: "s", route: .source("127.77.0.2"))) == 200)
        try await becomes(0, "127.77.0.2")
    }

    @Test func `idle connections of a path that has gone are closed, and the others stay`() async throws {
        let (gone, kept) = (Gate(), Gate())
        let server = try LoopbackServer { connection in
            var head = ""
            while let asked = connection.readRequest() {
                head = asked.head
                connection.answer([])
            }
            (head.contains("Host: gone.invalid") ? gone : kept).open()
        }
        let entry = EgressPath(id: "entry", route: .entry("127.0.0.1:\(server.port)"))
        let there = HTTPRequest(method: "POST", url: "http://gone.invalid/", headers: [], body: [1])
        _ = try await transport.exchange(there, over: entry, limit: 100)
        #expect(try await status(server, over: .direct) == 200)
        transport.keep([.direct])
        await gone.wait()
        #expect(try await status(server, over: .direct) == 200)
        #expect(server.connections == 2 && !kept.isOpen)
    }

    @Test func `shutdown ends the streams of sources that have gone, too`() async throws {
        let path = EgressPath(id: "s", route: .source("127.77.0.3"))
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            connection.waitForClose()
        }
        let answer = try await transport.send(request(server), over: path)
        #expect(try await answer.body.next() == Array("half".utf8))
        transport.keep([.direct])
        transport.shutdown()
        do throws(TransportFailure) {
            _ = try await answer.body.next()
            Issue.record("the stream went on")
        } catch {
            #expect(error.kind == .canceled)
        }
        try await becomes(0, "127.77.0.3")
    }
}
