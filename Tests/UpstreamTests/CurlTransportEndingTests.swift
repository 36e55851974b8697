import Domain
import Testing

@testable import Upstream

/// How exchanges end early: clocks, cancellation, policy, shutdown.
struct CurlTransportEndingTests {
    private static let long = Duration.seconds(20)
    private let transport: CurlTransport

    init() throws {
        transport = try CurlTransport()
    }

    private func request(
        _ url: String, timeouts: Timeouts = .upstream, addresses: AddressPolicy? = nil
    ) -> HTTPRequest {
        HTTPRequest(
            method: "POST", url: url, headers: [], body: Array("{}".utf8), timeouts: timeouts, addresses: addresses)
    }

    private func failure(
        of request: HTTPRequest, over path: EgressPath = .direct
    ) async -> TransportFailure? {
        do throws(TransportFailure) {
            _ = try await transport.exchange(request, over: path, limit: 1 << 20)
            return nil
        } catch {
            return error
        }
    }

    @Test func `no answer within the first-byte timeout is a timeout after sending`() async throws {
        let server = try LoopbackServer { connection in connection.waitForClose() }
        let clocks = Timeouts(connect: Self.long, firstByte: .milliseconds(100), idle: Self.long, total: nil)
        let failure = await self.failure(of: request(server.url, timeouts: clocks))
        #expect(failure?.kind == .timeout && failure?.maybeSent == true)
    }

    @Test func `silence within the body is a timeout`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
        }
        let clocks = Timeouts(connect: Self.long, firstByte: Self.long, idle: .milliseconds(100), total: nil)
        let failure = await self.failure(of: request(server.url, timeouts: clocks))
        #expect(failure?.kind == .timeout && failure?.maybeSent == true)
    }

    @Test func `a body that never ends is stopped by the total timeout`() async throws {
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            connection.waitForClose()
        }
        let clocks = Timeouts(connect: Self.long, firstByte: Self.long, idle: Self.long, total: .milliseconds(150))
        #expect(await failure(of: request(server.url, timeouts: clocks))?.kind == .timeout)
    }

    @Test func `cancelling while the head is awaited closes the connection`() async throws {
        let received = Gate()
        let closed = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            received.open()
            connection.waitForClose()
            closed.open()
        }
        let task = Task { await self.failure(of: request(server.url)) }
        await received.wait()
        task.cancel()
        let failure = await task.value
        #expect(failure?.kind == .canceled && failure?.maybeSent == true)
        await closed.wait()
    }

    @Test func `cancelling while the body is awaited closes the connection`() async throws {
        let closed = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
            closed.open()
        }
        let answer = try await transport.send(request(server.url), over: .direct)
        #expect(try await answer.body.next() == Array("abc".utf8))
        let task = Task {
            do throws(TransportFailure) {
                return try await answer.body.next() == nil ? nil : TransportFailure.Kind.malformed
            } catch {
                return error.kind
            }
        }
        task.cancel()
        #expect(await task.value == .canceled)
        await closed.wait()
    }

    @Test func `dropping an answer unread closes the connection`() async throws {
        let closed = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.waitForClose()
            closed.open()
        }
        #expect(try await transport.send(request(server.url), over: .direct).status == 200)
        await closed.wait()
    }

    @Test func `a task that is canceled before it sends fails as canceled`() async throws {
        let server = try LoopbackServer { connection in connection.waitForClose() }
        let start = Gate()
        let task = Task {
            await start.wait()
            return await self.failure(of: request(server.url))
        }
        task.cancel()
        start.open()
        #expect(await task.value?.kind == .canceled)
    }

    @Test func `an address that policy forbids is refused before anything is sent`() async throws {
        let server = try LoopbackServer { connection in connection.answer([]) }
        let refused = await failure(of: request(server.url, addresses: AddressPolicy(allowed: [])))
        #expect(refused?.kind == .addressRefused && refused?.maybeSent == false)
        #expect(server.connections == 0)
        let byName = request("http://localhost:\(server.port)/", addresses: AddressPolicy(allowed: []))
        #expect(await failure(of: byName)?.kind == .addressRefused)
    }

    @Test func `policy holds for a connection that another exchange left open`() async throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.answer([]) }
        }
        #expect(await failure(of: request(server.url)) == nil)
        let refused = await failure(of: request(server.url, addresses: AddressPolicy(allowed: [])))
        #expect(refused?.kind == .addressRefused && refused?.maybeSent == false)
        let loopback = try #require(AddressRange(address: [127, 0, 0, 0], prefixLength: 8))
        #expect(await failure(of: request(server.url, addresses: AddressPolicy(allowed: [loopback]))) == nil)
    }

    @Test func `an entry path connects elsewhere and keeps the name`() async throws {
        let server = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            connection.answer(Array(request.head.utf8))
        }
        let path = EgressPath(id: "entry", route: .entry("127.0.0.1:\(server.port)"))
        let reply = try await transport.exchange(request("http://upstream.invalid/"), over: path, limit: 1000)
        #expect(String(decoding: reply.body, as: UTF8.self).contains("Host: upstream.invalid\r\n"))
    }

    @Test func `a proxy path goes to the proxy with its credentials`() async throws {
        let proxy = try LoopbackServer { connection in
            guard let request = connection.readRequest() else { return }
            connection.answer(Array(request.head.utf8))
        }
        let path = EgressPath(id: "proxy", route: .proxy(Secret("http://user:word@127.0.0.1:\(proxy.port)")))
        let reply = try await transport.exchange(request("http://upstream.invalid/x"), over: path, limit: 1000)
        let head = String(decoding: reply.body, as: UTF8.self)
        #expect(head.hasPrefix("POST http://upstream.invalid/x HTTP/1.1\r\n"))
        #expect(head.contains("Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n"))
    }

    @Test func `a source address that is not this machine's is a connect failure`() async throws {
        let path = EgressPath(id: "s", route: .source("192.0.2.1"))
        let failure = await self.failure(of: request("http://127.0.0.1:1/"), over: path)
        #expect(failure?.kind == .connect && failure?.maybeSent == false)
    }

    @Test func `an option that libcurl refuses fails the exchange unsent and says which`() async throws {
        let path = EgressPath(id: "s", route: .source(String(repeating: "1", count: 9_000_000)))
        let failure = await self.failure(of: request("http://127.0.0.1:1/"), over: path)
        #expect(failure?.kind == .malformed && failure?.maybeSent == false)
        #expect(failure?.detail.contains("CURLOPT_INTERFACE") == true, "\(String(describing: failure))")
    }

    @Test func `a source path binds its address, and others do not reuse its connections`() async throws {
        let server = try LoopbackServer { connection in
            while connection.readRequest() != nil { connection.answer([]) }
        }
        #expect(await failure(of: request(server.url), over: EgressPath(id: "s", route: .source("127.0.0.2"))) == nil)
        #expect(await failure(of: request(server.url)) == nil)
        #expect(server.connections == 2)
    }

    @Test func `shutdown ends what is in flight and refuses what comes later`() async throws {
        let received = Gate()
        let server = try LoopbackServer { connection in
            _ = connection.readRequest()
            received.open()
            connection.waitForClose()
        }
        let task = Task { await self.failure(of: request(server.url)) }
        await received.wait()
        transport.shutdown()
        #expect(await task.value?.kind == .canceled)
        #expect(await failure(of: request(server.url))?.maybeSent == false)
    }

    @Test func `many exchanges at once all get their own answer`() async throws {
        let server = try LoopbackServer { connection in
            while let request = connection.readRequest() { connection.answer(request.body) }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let body = Array("number \(number)".utf8)
                    let sent = HTTPRequest(method: "POST", url: server.url, headers: [], body: body)
                    return try await transport.exchange(sent, over: .direct, limit: 100).body == body
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }
}
