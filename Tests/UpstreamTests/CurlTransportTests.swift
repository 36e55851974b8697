import Domain
import Synchronization
import Testing

@testable import Upstream

struct CurlTransportTests {
    private let transport: CurlTransport

    init() throws {
        transport = try CurlTransport()
    }

    private func request(
        _ url: String, method: String = "POST", headers: [HeaderField] = [], body: [UInt8]? = Array("{}".utf8),
        timeouts: Timeouts = .upstream, addresses: AddressPolicy? = nil
    ) -> HTTPRequest {
        HTTPRequest(method: method, url: url, headers: headers, body: body, timeouts: timeouts, addresses: addresses)
    }

    private func failure(of request: HTTPRequest, over path: EgressPath = .direct) async -> TransportFailure? {
        do throws(TransportFailure) {
            _ = try await transport.exchange(request, over: path, limit: 1 << 20)
            return nil
        } catch {
            return error
        }
    }

    @Test func `headers go out in order and verbatim with only Host and Content-Length added`() async throws {
        let seen = Mutex("")
        let server = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            seen.withLock { $0 = request.head }
            connection.answer(request.body)
        }
        let headers = [
            HeaderField("X-B", "2"), HeaderField("x-a", "1"), HeaderField("x-b", "3"), HeaderField("X-Empty", ""),
        ]
        let body = Array("not json \u{0}\u{1}é".utf8)
        let sent = request(server.url + "/v1/../messages?beta=true", headers: headers, body: body)
        let reply = try await transport.exchange(sent, over: .direct, limit: 1000)
        #expect(reply.body == body)
        let expected = """
            POST /v1/../messages?beta=true HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nX-B: 2\r\nx-a: 1\r\nx-b: 3\r\n\
            X-Empty:\r\nContent-Length: \(body.count)\r\n\r\n
            """
        #expect(seen.withLock { $0 } == expected)
    }

    @Test(arguments: ["GET", "DELETE", "HEAD", "POST", "PUT"])
    func `a method without a body is sent as it is`(_ method: String) async throws {
        let server = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            let isRight = request.head.hasPrefix("\(method) / HTTP/1.1\r\n") && request.body.isEmpty
            let hasLength = request.head.contains("Content-Length: 0\r\n")
            let isFramed = hasLength == (method == "POST" || method == "PUT")
            connection.send("HTTP/1.1 \(isRight && isFramed ? 200 : 400) X\r\nContent-Length: 0\r\n\r\n")
        }
        let reply = try await transport.exchange(
            request(server.url + "/", method: method, body: nil), over: .direct, limit: 10)
        #expect(reply.status == 200)
    }

    @Test func `interim answers are skipped and trailers do not reach the reader`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nA:  b \r\n")
            connection.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: t\r\n\r\n")
            connection.waitForClose()
        }
        let reply = try await transport.exchange(request(server.url), over: .direct, limit: 10)
        #expect(reply.body == Array("abc".utf8))
        #expect(reply.headers == [HeaderField("A", "b"), HeaderField("Transfer-Encoding", "chunked")])
    }

    @Test func `a chunk reaches the reader before the next one is sent`() async throws {
        let gate = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.send("5\r\nfirst\r\n")
            gate.block()
            connection.send("6\r\nsecond\r\n0\r\n\r\n")
        }
        let answer = try await transport.send(request(server.url), over: .direct)
        #expect(try await answer.body.next() == Array("first".utf8))
        gate.open()
        #expect(try await answer.body.next() == Array("second".utf8))
        #expect(try await answer.body.next() == nil)
        #expect(try await answer.body.next() == nil)
    }

    @Test func `a slow reader makes the sender wait and loses nothing`() async throws {
        let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0) }
        let whole = 512 * block.count
        let isAllSent = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole)\r\n\r\n")
            for _ in 0..<512 { connection.send(block) }
            isAllSent.open()
            connection.waitForClose()
        }
        let answer = try await transport.send(request(server.url), over: .direct)
        var count = 0
        var isRight = true
        while let chunk = try await answer.body.next() {
            if count == 0 { #expect(!isAllSent.isOpen) }
            #expect(chunk.count <= AnswerMailbox.unreadLimit)
            isRight = isRight && chunk.first == UInt8(truncatingIfNeeded: count)
            count += chunk.count
        }
        #expect(count == whole && isRight)
    }

    @Test func `a large request body arrives byte for byte`() async throws {
        let server = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            connection.answer(request.body)
        }
        var body: [UInt8] = []
        while body.count < 9_000_000 { body += (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) } }
        let reply = try await transport.exchange(request(server.url, body: body), over: .direct, limit: 10_000_000)
        #expect(reply.body == body)
    }

    @Test func `a connection asks whether its peer is there, and gives up after the time given`() async throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.answer([]) }
        }
        let long = Duration.seconds(20)
        let timeouts = Timeouts(connect: long, firstByte: long, idle: long, total: long, unacknowledged: .seconds(30))
        let get = HTTPRequest(method: "GET", url: server.url, headers: [], body: nil, timeouts: timeouts)
        #expect(try await transport.exchange(get, over: .direct, limit: 10).status == 200)
        let socket = try #require(OwnProcess.sockets(connectedTo: server.port).first)
        #expect(OwnProcess.option(.userTimeout, of: socket) == 30_000)
        #expect(OwnProcess.option(.keepAliveAfter, of: socket) == 10)
        #expect(OwnProcess.option(.keepAliveEvery, of: socket) == 10)
    }

    @Test func `sequential requests share one connection`() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() { connection.answer(request.body) }
        }
        for number in 0..<50 {
            let body = Array("\(number)".utf8)
            #expect(try await transport.exchange(request(server.url, body: body), over: .direct, limit: 9).body == body)
        }
        #expect(server.connections == 1)
    }

    @Test func `an answer past the limit is refused as too large`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.answer([UInt8](repeating: 1, count: 11))
        }
        await #expect(throws: TransportFailure(.tooLarge, maybeSent: true, detail: "answer exceeds 10 bytes")) {
            try await transport.exchange(request(server.url), over: .direct, limit: 10)
        }
    }

    @Test func `a refused port is a connect failure and nothing was sent`() async throws {
        let failure = await self.failure(of: request("http://127.0.0.1:\(try LoopbackServer.closedPort())/"))
        #expect(failure?.kind == .connect && failure?.maybeSent == false)
    }

    @Test func `a reset before the answer is a broken exchange that may have been executed`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.reset()
        }
        let failure = await self.failure(of: request(server.url))
        #expect(failure?.kind == .broken && failure?.maybeSent == true)
    }

    @Test func `a body cut short fails after its bytes were delivered`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        }
        let answer = try await transport.send(request(server.url), over: .direct)
        #expect(try await answer.body.next() == Array("abc".utf8))
        do {
            _ = try await answer.body.next()
            Issue.record("the cut was not noticed")
        } catch {
            #expect(error.kind == .malformed && error.maybeSent)
        }
    }

    @Test func `a POST is not repeated when its reused connection dies unanswered`() async throws {
        let posts = Mutex(0)
        let server = try LoopbackServer { connection in
            guard let first = connection.readRequest() else { return }
            posts.withLock { $0 += 1 }
            connection.answer(first.body)
            if connection.readRequest() != nil { posts.withLock { $0 += 1 } }
        }
        _ = try await transport.exchange(request(server.url), over: .direct, limit: 10)
        let failure = await self.failure(of: request(server.url))
        #expect(failure?.kind == .broken && failure?.maybeSent == true)
        #expect(posts.withLock { $0 } == 2)
    }

    @Test func `a GET is repeated when its reused connection dies unanswered`() async throws {
        let server = try LoopbackServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.answer([])
            _ = connection.readRequest()
        }
        for _ in 0..<2 {
            let get = request(server.url, method: "GET", body: nil)
            #expect(try await transport.exchange(get, over: .direct, limit: 10).status == 200)
        }
        #expect(server.connections == 2)
    }

    @Test func `a header with a line break is refused unsent`() async throws {
        let bad = request("http://127.0.0.1:1/", headers: [HeaderField("a", "b\r\nc: d")])
        let failure = await self.failure(of: bad)
        #expect(failure?.kind == .malformed && failure?.maybeSent == false)
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/", "http://user:word@127.0.0.1:1/", "", "http://"])
    func `URLs that are not plain HTTP are refused unsent`(_ url: String) async throws {
        let failure = await self.failure(of: request(url))
        #expect(failure?.maybeSent == false)
        #expect(failure?.kind == .malformed, "\(String(describing: failure))")
    }
}
