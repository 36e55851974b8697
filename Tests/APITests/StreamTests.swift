import API
import Domain
import Synchronization
import Testing
import TestSupport
import Upstream

struct StreamTests {
    private static let events = Array(
        """
        event: message_start\ndata: {"type":"message_start","message":{}}\n
        event: ping\ndata: {"type":"ping"}\n
        event: content_block_start\ndata: {"type":"content_block_start","index":0}\n
        event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"é\\n😀"}}\n
        : a comment\n
        event: content_block_stop\r\ndata: {}\r\n\r
        event: message_delta\ndata: {"type":"message_delta"}\n
        event: message_stop\ndata: {"type":"message_stop"}\n\n
        """.utf8)
    private static let start = Array("event: message_start\ndata: {}\n\n".utf8)
    private static let content = Array("event: content_block_start\ndata: {}\n\n".utf8)
    private static let overloaded = Array(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n".utf8)
    private static let broken = TransportFailure(.broken, maybeSent: true, detail: "reset")

    private func stream(_ world: World) async throws -> LoopbackClient.Reply {
        try await world.send("POST", "/v1/messages", World.streamBody, headers: [("accept-encoding", "gzip")])
    }

    @Test
    func `events pass byte for byte, wherever the chunks are cut`() async throws {
        try await World.run { world in
            for cut in 0...Self.events.count {
                world.gateway.script { _ in .events([Array(Self.events[..<cut]), Array(Self.events[cut...])]) }
                let reply = try await stream(world)
                #expect(reply.body == Self.events, "cut at \(cut)")
            }
            let booked = await world.booked(Self.events.count + 1)
            #expect(booked.allSatisfy { $0 == .success })
            #expect(world.gateway.record.calls.allSatisfy { $0.headers.first("accept-encoding") == nil })
        }
    }

    @Test
    func `what fails before the first content event is tried again unseen`() async throws {
        try await World.run { world in
            world.gateway.script(
                { _ in .events([Self.start, Self.overloaded]) }, { _ in .events([Self.start], then: Self.broken) }
            ) { _ in
                .events([Self.events])
            }
            let reply = try await world.advancing(by: .milliseconds(100), reach: .seconds(5)) {
                try await stream(world)
            }
            #expect(reply.status == 200 && reply.body == Self.events)
            let booked = await world.booked(3)
            #expect(booked == [.overloaded(retryAfter: nil), .egressFault(Self.broken), .success])
        }
    }

    @Test
    func `a connection that breaks after the last event takes nothing from the answer`() async throws {
        try await World.run { world in
            world.gateway.script { _ in .events([Self.events], then: Self.broken) }
            let reply = try await stream(world)
            #expect(reply.status == 200 && reply.body == Self.events)
            #expect(await world.booked(1) == [.success])
        }
    }

    @Test
    func `the last early error event is shown as it came`() async throws {
        try await World.run(configure: { $0.limits.maxAttempts = 1 }) { world in
            world.gateway.script({ _ in .events([Self.start, Self.overloaded]) }) { _ in .events([], then: Self.broken)
            }
            let shown = try await stream(world)
            #expect(shown.body == Self.start + Self.overloaded)
            #expect(try await stream(world).errorCode == "upstream_unreachable")
        }
    }

    @Test
    func `an error event after the first content passes through and is booked`() async throws {
        try await World.run { world in
            world.gateway.script { _ in .events([Self.start + Self.content, Self.overloaded]) }
            let reply = try await stream(world)
            #expect(reply.body == Self.start + Self.content + Self.overloaded)
            let booked = await world.booked(1)
            #expect(booked == [.overloaded(retryAfter: nil)])
        }
    }

    @Test(arguments: [nil, StreamTests.broken])
    func `a stream that breaks off ends with an error event`(_ failure: TransportFailure?) async throws {
        try await World.run { world in
            let half = Array("event: content_block_delta\ndata: {\"half".utf8)
            world.gateway.script { _ in .events([Self.start + Self.content, half], then: failure) }
            let reply = try await stream(world)
            let seen = Self.start + Self.content + half
            #expect(Array(reply.body.prefix(seen.count)) == seen)
            let rest = String(decoding: reply.body.dropFirst(seen.count), as: UTF8.self)
            #expect(rest.hasPrefix("\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""))
            #expect(rest.contains("upstream_unreachable") && rest.hasSuffix("\n\n"))
            let booked = await world.booked(1)
            #expect(booked == [failure.map { .egressFault($0) } ?? .upstreamFault(retryAfter: nil)])
        }
    }

    @Test
    func `each event leaves when it arrives`() async throws {
        try await World.run { world in
            let (chunks, upstream) = AsyncStream<[UInt8]>.makeStream()
            world.gateway.script { _ in .stream(Self.body(of: chunks)) }
            try await open(world) { client in
                upstream.yield(Self.start + Self.content)
                #expect(try await client.head().status == 200)
                #expect(try await client.chunk() == Self.start + Self.content)
                for number in 0..<50 {
                    let event = Array("event: content_block_delta\ndata: \(number)\n\n".utf8)
                    upstream.yield(event)
                    #expect(try await client.chunk() == event)
                }
                upstream.yield(Array("event: message_stop\ndata: {}\n\n".utf8))
                upstream.finish()
                _ = try await client.chunk()
                #expect(try await client.chunk() == nil)
            }
        }
    }

    @Test
    func `a silent stream is kept alive by pings, between events only`() async throws {
        try await World.run { world in
            let (chunks, upstream) = AsyncStream<[UInt8]>.makeStream()
            world.gateway.script { _ in .stream(Self.body(of: chunks)) }
            let ping = Array("event: ping\ndata: {\"type\":\"ping\"}\n\n".utf8)
            try await open(world) { client in
                await world.clock.waitForSleepers()
                world.clock.advance(by: .seconds(15))
                let head = try await client.head()
                #expect(head.status == 200)
                #expect(try await client.chunk() == ping)
                upstream.yield(Array("event: content_block_delta\n".utf8))
                #expect(try await client.chunk() == Array("event: content_block_delta\n".utf8))
                await world.clock.waitForSleepers()
                world.clock.advance(by: .seconds(15))
                await world.clock.waitForSleepers()
                upstream.yield(Array("data: {}\n\n".utf8))
                #expect(try await client.chunk() == Array("data: {}\n\n".utf8))
                await world.clock.waitForSleepers()
                world.clock.advance(by: .seconds(15))
                #expect(try await client.chunk() == ping)
                upstream.finish()
            }
        }
    }

    @Test
    func `a pause of ten minutes survives, before the first event and after`() async throws {
        try await World.run { world in
            let (chunks, upstream) = AsyncStream<[UInt8]>.makeStream()
            world.gateway.script { _ in .stream(Self.body(of: chunks)) }
            let ping = Array("event: ping\ndata: {\"type\":\"ping\"}\n\n".utf8)
            try await open(world) { client in
                for part in [Self.start, Self.content] {
                    for number in 1...41 {
                        await world.clock.waitForSleepers()
                        world.clock.advance(by: .seconds(15))
                        if number == 1, part == Self.start { #expect(try await client.head().status == 200) }
                        #expect(try await client.chunk() == ping)
                    }
                    upstream.yield(part)
                    #expect(try await client.chunk() == part)
                }
                upstream.yield(Array("event: message_stop\ndata: {}\n\n".utf8))
                upstream.finish()
                _ = try await client.chunk()
                #expect(try await client.chunk() == nil)
            }
            #expect(await world.booked(1) == [.success])
            #expect(world.clock.now.offset > .seconds(1200))
        }
    }

    @Test
    func `a plain answer that breaks off breaks off for the client, too, and the path is blamed`() async throws {
        try await World.run { world in
            let rest = Mutex([Array("[1,2".utf8)])
            world.gateway.script { _ in
                .streaming(
                    StreamedExchange(
                        status: 200, headers: [HeaderField("content-type", "application/json")],
                        body: AnswerBody { () throws(TransportFailure) in
                            if let chunk = rest.withLock({ $0.popLast() }) { return chunk }
                            throw Self.broken
                        }, key: "default", egress: "path-1", startedAt: Timestamp(microseconds: 0)))
            }
            try await open(world) { client in
                let head = try await client.head()
                let chunk = try await client.chunk()
                #expect(head.status == 200 && chunk == Array("[1,2".utf8))
                await #expect(throws: LoopbackClient.Broken.self) { try await client.chunk() }
            }
            #expect(await world.booked(1) == [.egressFault(Self.broken)])
        }
    }

    @Test
    func `a client that stops reading loses its connection, and the upstream's stream ends`() async throws {
        try await World.run(configure: { $0.writeTimeout = .milliseconds(200) }) { world in
            let block = Array("event: content_block_delta\ndata: ".utf8) + [UInt8](repeating: 0x61, count: 1 << 20)
            let endless = AnswerBody { () throws(TransportFailure) in block + Array("\n\n".utf8) }
            world.gateway.script { _ in .stream(endless) }
            try await open(world) { client in
                let head = try await client.head()
                #expect(head.status == 200)
                #expect(await world.booked(1).first?.code == "egress_fault_canceled")
            }
        }
    }

    @Test
    func `an accepted connection has TCP_NODELAY`() async throws {
        try await World.run { world in
            try await LoopbackClient.connect(to: world.port) { client in
                #expect(try await client.request("GET", "/healthz").status == 200)
                let accepted = try #require(AcceptedSocket.find(from: client.localPort, to: world.port))
                #expect(AcceptedSocket.hasNoDelay(accepted))
            }
        }
    }

    @Test
    func `a client that goes away ends the upstream's stream`() async throws {
        try await World.run { world in
            let (chunks, upstream) = AsyncStream<[UInt8]>.makeStream()
            let (ended, end) = AsyncStream<Void>.makeStream()
            upstream.onTermination = { _ in end.yield() }
            world.gateway.script { _ in .stream(Self.body(of: chunks)) }
            try await open(world) { client in
                upstream.yield(Self.start + Self.content)
                _ = try await client.head()
                _ = try await client.chunk()
            }
            for await _ in ended { break }
            let booked = await world.booked(1)
            #expect(booked.first?.code == "egress_fault_canceled")
        }
    }

    /// Sends the request for a stream and leaves the answer to `read`.
    private func open(_ world: World, _ read: @Sendable (LoopbackClient) async throws -> Void) async throws {
        try await LoopbackClient.connect(to: world.port) { client in
            let body = World.streamBody
            try await client.send(
                "POST /v1/messages HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
            )
            try await read(client)
        }
    }

    static func body(of chunks: AsyncStream<[UInt8]>) -> AnswerBody {
        AnswerBody { () throws(TransportFailure) in
            for await chunk in chunks { return chunk }
            return nil
        }
    }
}
