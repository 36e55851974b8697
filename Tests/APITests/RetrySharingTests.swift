import API
import Domain
import Synchronization
import Testing
import TestSupport
import Upstream

struct RetrySharingTests {
    private static let first = ("x-stainless-retry-count", "0")
    private static let retry = ("x-stainless-retry-count", "1")

    /// An upstream that answers each call when it is told to, and knows whether one was canceled.
    private final class Upstream: Sendable {
        private let state = Mutex((begun: 0, canceled: 0, releases: [AsyncStream<Void>.Continuation]()))
        var begun: Int { state.withLock { $0.begun } }
        var canceled: Int { state.withLock { $0.canceled } }

        func step(_: UpstreamCall) async -> OpenedExchange {
            let (released, release) = AsyncStream<Void>.makeStream()
            let number = state.withLock { state in
                state.begun += 1
                state.releases.append(release)
                return state.begun
            }
            for await _ in released { return .reply(200, #"{"number":\#(number)}"#) }
            state.withLock { $0.canceled += 1 }
            return .failure(.canceled)
        }

        func release(_ index: Int) {
            _ = state.withLock { $0.releases[index].yield() }
        }

        func waitUntil(_ condition: (Upstream) -> Bool) async {
            while !condition(self) { await Task.yield() }
        }
    }

    private func post(_ world: World, _ headers: (String, String)..., body: String = World.messageBody) async throws
        -> LoopbackClient.Reply
    {
        try await world.send("POST", "/v1/messages", body, headers: headers)
    }

    /// Sends the first try and goes away without its answer.
    private func abandon(_ world: World, _ upstream: Upstream, _ headers: String = "x-stainless-retry-count: 0\r\n")
        async throws
    {
        let before = upstream.begun
        try await LoopbackClient.connect(to: world.port) { client in
            let body = World.messageBody
            try await client.send(
                "POST /v1/messages HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\n\(headers)"
                    + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
            await upstream.waitUntil { $0.begun > before }
        }
    }

    private func run(
        configure: (inout APIConfiguration) -> Void = { _ in },
        _ test: @Sendable (World, Upstream) async throws -> Void
    ) async throws {
        try await World.run(configure: configure) { world in
            let upstream = Upstream()
            for _ in 0..<4 { world.gateway.script { call in await upstream.step(call) } }
            try await test(world, upstream)
        }
    }

    @Test
    func `a retry while the first try still waits gets the same answer, paid once`() async throws {
        try await run { world, upstream in
            async let first = post(world, Self.first)
            await upstream.waitUntil { $0.begun == 1 }
            async let second = post(world, Self.retry)
            await world.waiting(2)
            upstream.release(0)
            let (one, two) = try await (first, second)
            #expect(one.text == #"{"number":1}"# && two.text == one.text && upstream.begun == 1)
            #expect(one.headers["x-relay-attached-to"] == nil)
            #expect(two.headers["x-relay-attached-to"] == one.headers["x-relay-request-id"])
        }
    }

    @Test
    func `a retry finds the call that its first client has left`() async throws {
        try await run { world, upstream in
            try await abandon(world, upstream)
            await world.clock.waitForSleepers()
            async let second = post(world, Self.retry)
            await world.waiting(1)
            world.clock.advance(by: .seconds(2))
            upstream.release(0)
            #expect(try await second.text == #"{"number":1}"#)
            #expect(upstream.begun == 1 && upstream.canceled == 0)
        }
    }

    @Test
    func `an answer that came while nobody waited is kept for the grace`() async throws {
        try await run { world, upstream in
            try await abandon(world, upstream)
            await world.clock.waitForSleepers()
            upstream.release(0)
            #expect(try await post(world, Self.retry).text == #"{"number":1}"#)
            async let third = post(world, Self.retry)
            await upstream.waitUntil { $0.begun == 2 }
            upstream.release(1)
            #expect(try await third.text == #"{"number":2}"#)
        }
    }

    @Test
    func `when nobody comes back within the grace the call is canceled`() async throws {
        try await run { world, upstream in
            try await abandon(world, upstream)
            await world.clock.waitForSleepers()
            world.clock.advance(by: .milliseconds(1900))
            #expect(upstream.canceled == 0)
            world.clock.advance(by: .milliseconds(200))
            await upstream.waitUntil { $0.canceled == 1 }
        }
    }

    @Test
    func `without a grace, without the SDK's header, or switched off, a call ends with its client`() async throws {
        try await run(configure: { $0.retryGrace = .zero }) { world, upstream in
            try await abandon(world, upstream)
            await upstream.waitUntil { $0.canceled == 1 }
        }
        try await run { world, upstream in
            try await abandon(world, upstream, "")
            await upstream.waitUntil { $0.canceled == 1 }
        }
        try await run(configure: { $0.sharesRetries = false }) { world, upstream in
            try await abandon(world, upstream)
            await upstream.waitUntil { $0.canceled == 1 }
            async let first = post(world, Self.first)
            await upstream.waitUntil { $0.begun == 2 }
            async let second = post(world, Self.retry)
            await upstream.waitUntil { $0.begun == 3 }
            upstream.release(1)
            upstream.release(2)
            _ = try await (first, second)
        }
    }

    @Test
    func `another tenant's equal retry is a call of its own`() async throws {
        try await run { world, upstream in
            async let first = post(world, Self.first)
            await upstream.waitUntil { $0.begun == 1 }
            async let second = world.send(
                "POST", "/v1/messages", World.messageBody, token: "other", headers: [Self.retry])
            await upstream.waitUntil { $0.begun == 2 }
            upstream.release(0)
            upstream.release(1)
            let texts = try await [first.text, second.text]
            #expect(texts == [#"{"number":1}"#, #"{"number":2}"#])
        }
    }
}
