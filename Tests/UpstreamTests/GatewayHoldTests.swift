import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

/// What holds a call up between its permit and its start, and who is held up by it.
struct GatewayHoldTests {
    private let clock = ManualClock()
    private let ledger = FakeLedger()
    private static let sonnet = "claude-sonnet-5"
    private static let refusals = [
        (429, "rate_limit_error", "m"), (401, "authentication_error", "m"), (403, "permission_error", "m"),
        (400, "invalid_request_error", "Your usage reached a spend limit you set."),
    ]

    private static func key(_ id: String, rps: Double? = nil) -> UpstreamKey {
        UpstreamKey(
            id: id, organization: id, secret: Secret(id), rate: rps.flatMap { PacingRate(requestsPerSecond: $0) })
    }

    private func gateway(
        _ keys: [UpstreamKey], rules: PacingRules = PacingRules(), _ script: @escaping FakeTransport.Script
    ) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct], pacing: rules),
            transport: FakeTransport(script), ledger: ledger, keyring: FakeKeyring(keys), clock: clock,
            wall: clock.wall)
    }

    private func call(bytes: Int = 40, members: String = "") -> UpstreamCall {
        let start = #"{"model":"\#(Self.sonnet)"\#(members),"messages":""#
        let text = start + String(repeating: "x", count: max(0, bytes - start.utf8.count - 2)) + #""}"#
        return UpstreamCall(
            method: "POST", path: "/v1/messages", headers: [], body: Array(text.utf8), model: Self.sonnet)
    }

    private static let counting = UpstreamCall(
        method: "POST", path: "/v1/messages/count_tokens", headers: [], body: [0x7B, 0x7D])

    private static func ok(input: Int = 10, output: Int = 5) -> UpstreamReply {
        let usage = #"{"type":"message","usage":{"input_tokens":\#(input),"output_tokens":\#(output)}}"#
        return UpstreamReply(status: 200, headers: [], body: Array(usage.utf8))
    }

    private static func error(
        _ status: Int, _ type: String, _ message: String = "m", _ headers: [HeaderField] = []
    ) -> UpstreamReply {
        let text = #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"}}"#
        return UpstreamReply(status: status, headers: headers, body: Array(text.utf8))
    }

    private func permits(
        _ gateway: Gateway<ManualClock>, _ count: Int = 1, _ urgency: Urgency = .batch,
        within patience: Duration = .zero
    ) async throws -> [Permit] {
        try await gateway.permits(upTo: count, for: CallDemand(urgency, model: Self.sonnet), within: patience)
    }

    private func send(_ gateway: Gateway<ManualClock>) async throws -> Verdict {
        let permit = try #require(try await permits(gateway).first)
        return await gateway.exchange(call(), with: permit, avoiding: []).verdict
    }

    // MARK: Keys that are out

    @Test func `a key that was refused is tried by a job, though the job's prompt is cached elsewhere`() async throws {
        let refused = Mutex(Set(["a", "b"]))
        let transport = FakeTransport { request, _ in
            let key = request.headers.first("x-api-key") ?? ""
            return refused.withLock { $0.remove(key) } == nil ? Self.ok() : Self.error(401, "authentication_error")
        }
        let gateway = Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct]), transport: transport,
            ledger: ledger, keyring: FakeKeyring([Self.key("a"), Self.key("b")]), clock: clock, wall: clock.wall)
        let text = #"{"model":"m","system":[{"text":"Manual","cache_control":{}}],"messages":[{"a":1}]}"#
        let call = UpstreamCall(
            method: "POST", path: "/v1/messages", headers: [], body: Array(text.utf8), model: Self.sonnet)
        // Whichever of them the prompt belongs to: first one is out, then the other.
        for out in ["a", "b"] {
            refused.withLock { $0 = [out] }
            for _ in 0..<4 {
                for permit in try await permits(gateway) {
                    _ = await gateway.exchange(self.call(), with: permit, avoiding: [])
                }
            }
            #expect(refused.withLock { $0.isEmpty })
            clock.advance(by: KeyRoster.refusalTime)
            let before = transport.requests.count
            for _ in 0..<4 {
                for permit in try await permits(gateway) {
                    _ = await gateway.exchange(call, with: permit, avoiding: [])
                }
            }
            let keys = transport.requests.dropFirst(before).compactMap { $0.request.headers.first("x-api-key") }
            #expect(keys.contains(out))
        }
    }

    @Test func `while one call tries the only key, others wait for what it finds`() async throws {
        let isRefused = Mutex(true)
        let gateway = gateway([Self.key("k")]) { _, _ in
            isRefused.withLock { $0 } ? Self.error(401, "authentication_error") : Self.ok()
        }
        _ = try await send(gateway)
        clock.advance(by: KeyRoster.refusalTime)
        isRefused.withLock { $0 = false }
        let trial = try #require(try await permits(gateway).first)
        async let other = permits(gateway, 1, .interactive, within: .seconds(5))
        await clock.waitForSleepers()
        #expect(await gateway.exchange(call(), with: trial, avoiding: []).verdict == .success)
        clock.advance(by: .seconds(1))
        #expect(try await other.count == 1)
    }

    // MARK: Pauses

    @Test func `nobody's call to a paused scope begins before the pause is over, though its key has a rate`()
        async throws
    {
        let gateway = gateway([Self.key("k", rps: 5)]) { _, _ in
            Self.error(429, "rate_limit_error", "m", [HeaderField("retry-after", "5")])
        }
        _ = try await send(gateway)
        clock.advance(by: .seconds(1))
        let error = await #expect(throws: RelayError.self) { try await permits(gateway, 1, .interactive) }
        #expect(error?.retryAfter == .seconds(4))
        async let later = permits(gateway, 1, .interactive, within: .seconds(9))
        for _ in 0..<4 {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        #expect(try await later.map(\.start) == [clock.timestamp])
    }

    @Test func `a permit that was booked ahead is not sent into a pause, an outage or a rest that began since`()
        async throws
    {
        for (status, type) in [(429, "rate_limit_error"), (401, "authentication_error"), (529, "overloaded_error")] {
            let ledger = FakeLedger()
            let transport = FakeTransport { _, _ in
                Self.error(status, type, "m", [HeaderField("retry-after", "60")])
            }
            let gateway = Gateway(
                configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct]), transport: transport,
                ledger: ledger, keyring: FakeKeyring([Self.key("k", rps: 2)]), clock: clock, wall: clock.wall)
            var booked: [Permit] = []
            for _ in 0..<3 { booked += try await permits(gateway, 1, .interactive, within: .seconds(9)) }
            #expect(booked.count == 3)
            // From the second in a row on an overload rests everything.
            for permit in booked.prefix(2) {
                clock.advance(by: max(permit.start.duration(since: clock.timestamp), .zero))
                _ = await gateway.exchange(call(), with: permit, avoiding: [])
            }
            let sent = transport.requests.count
            #expect(sent == (status == 529 ? 2 : 1))
            clock.advance(by: max(booked[2].start.duration(since: clock.timestamp), .zero))
            let last = await gateway.exchange(call(), with: booked[2], avoiding: [])
            #expect(last.verdict == .deferred(retryAfter: nil) && transport.requests.count == sent)
            #expect(gateway.status().inFlight == 0 && ledger.returned.withLock { !$0.isEmpty })
        }
    }

    @Test func `a call that is canceled before its start gives its slot back`() async throws {
        let gateway = gateway([Self.key("k", rps: 1)]) { _, _ in Self.ok() }
        let first = try await permits(gateway, 1, .interactive)
        let second = try #require(try await permits(gateway, 1, .interactive, within: .seconds(5)).first)
        let task = Task { await gateway.exchange(call(), with: second, avoiding: []).verdict }
        await clock.waitForSleepers()
        task.cancel()
        guard case .egressFault(let failure) = await task.value else {
            Issue.record("not a fault")
            return
        }
        #expect(failure.kind == .canceled && !failure.maybeSent && first.count == 1)
        #expect(ledger.returned.withLock { $0 } == [1] && ledger.settled.withLock { $0.isEmpty })
        #expect(try await permits(gateway, 1, .interactive, within: .seconds(5)).first?.start == second.start)
    }

    // MARK: Calls to no model

    @Test(arguments: refusals)
    func `whatever is answered to calls that are to no model, calls to models go on`(
        _ status: Int, _ type: String, _ message: String
    ) async throws {
        let gateway = gateway([Self.key("k")]) { request, _ in
            guard request.url.hasSuffix("count_tokens") else { return Self.ok() }
            return Self.error(status, type, message, [HeaderField("retry-after", "60")])
        }
        for _ in 0..<8 {
            guard
                let permit = try? await gateway.permits(upTo: 1, for: CallDemand(.interactive), within: .zero).first
            else { continue }
            _ = await gateway.exchange(Self.counting, with: permit, avoiding: [])
        }
        #expect(gateway.status().keys.allSatisfy { $0.outage == nil })
        #expect(try await send(gateway) == .success)
        guard status == 429 else { return }
        await #expect(throws: RelayError.self) {
            try await gateway.permits(upTo: 1, for: CallDemand(.interactive), within: .zero)
        }
        clock.advance(by: .seconds(60))
        #expect(try await gateway.permits(upTo: 1, for: CallDemand(.interactive), within: .zero).count == 1)
    }

    // MARK: Trials

    @Test func `after its outage a key is tried by one call, and its 2xx lets the others go on`() async throws {
        let isMended = Mutex(false)
        let gateway = gateway([Self.key("k")]) { _, _ in
            isMended.withLock { $0 } ? Self.ok() : Self.error(401, "authentication_error")
        }
        #expect(try await send(gateway) == .keyRefused)
        clock.advance(by: KeyRoster.refusalTime)
        let trial = try await permits(gateway, 9)
        #expect(trial.count == 1)
        await #expect(throws: RelayError.self) { try await permits(gateway, 9) }
        await gateway.giveBack(trial)
        #expect(try await send(gateway) == .keyRefused, "what was given back tried nothing")
        await #expect(throws: RelayError.self) { try await permits(gateway) }
        clock.advance(by: KeyRoster.refusalTime)
        isMended.withLock { $0 = true }
        let permit = try #require(try await permits(gateway, 9).first)
        guard case .streaming = await gateway.open(call(), with: permit, avoiding: []) else {
            Issue.record("settled")
            return
        }
        #expect(try await permits(gateway, 9).count == 9)
    }

    @Test
    func `a spend limit told in words alone rests the key for five minutes, one told by a code is tried in an hour`()
        async throws
    {
        let code = #"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#
        let replies = Mutex([
            Self.error(400, "invalid_request_error", "Your usage reached a spend limit you set."),
            UpstreamReply(status: 429, headers: [], body: Array(code.utf8)), Self.ok(),
        ])
        let gateway = gateway([Self.key("k")]) { _, _ in replies.withLock { $0.removeFirst() } }
        #expect(try await send(gateway) == .spendLimited)
        #expect(gateway.status().keys.first?.outage?.until == clock.timestamp.advanced(by: .seconds(300)))
        clock.advance(by: .seconds(300))
        #expect(try await send(gateway) == .spendLimited)
        let error = await #expect(throws: RelayError.self) { try await permits(gateway) }
        #expect(error?.retryAfter == .seconds(3600))
        clock.advance(by: .seconds(3600))
        #expect(try await send(gateway) == .success)
        #expect(gateway.status().keys.first?.outage == nil && replies.withLock { $0.isEmpty })
    }

    // MARK: Tokens

    private static let tokens = PacingRules(limits: [
        .organization("k", nil): PacingLimits(input: TokenRate(tokensPerMinute: 450_000))
    ])

    @Test(.timeLimit(.minutes(1)))
    func `jobs that are larger than what was booked for them wait for their tokens, and all get through`() async throws
    {
        let gateway = gateway([Self.key("k")], rules: Self.tokens) { _, _ in Self.ok(input: 28_000) }
        var permits: [Permit] = []
        while permits.count < 60, let more = try? await self.permits(gateway) { permits += more }
        #expect(permits.count == 60, "they are booked at the usual size")
        var sent = 0
        for permit in permits {
            switch await gateway.fit(permit, to: call(bytes: 100_000)) {
            case .success: sent += 1
            case .failure(let deferral): #expect(deferral.wait != nil)
            }
        }
        #expect((2...5).contains(sent), "75,000 tokens may run ahead, and each takes 28,000")
        let begun = clock.timestamp
        while sent < 60, clock.timestamp < begun.advanced(by: .seconds(600)) {
            clock.advance(by: .milliseconds(500))
            guard let permit = try? await self.permits(gateway).first else { continue }
            if case .success = await gateway.fit(permit, to: call(bytes: 100_000)) { sent += 1 }
        }
        let seconds = clock.timestamp.duration(since: begun).seconds
        #expect(sent == 60 && (180...240).contains(seconds), "57 × 28,600 tokens at 7,500/s: \(seconds)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a job that is larger than any horizon gets through`() async throws {
        let gateway = gateway([Self.key("k")], rules: Self.tokens) { _, _ in Self.ok(input: 285_000) }
        let huge = call(bytes: 1_000_000)
        for _ in 0..<3 {
            let permit = try #require(try await permits(gateway).first)
            #expect(await gateway.exchange(huge, with: permit, avoiding: []).verdict == .success)
            clock.advance(by: .seconds(38))
        }
    }

    @Test func `what was booked about right is sent as it is, and an unlimited job is never weighed`() async throws {
        let limited = gateway([Self.key("k")], rules: Self.tokens) { _, _ in Self.ok() }
        let permit = try #require(try await permits(limited).first)
        #expect(await limited.exchange(call(bytes: 3000), with: permit, avoiding: []).verdict == .success)
        #expect(ledger.returned.withLock { $0.isEmpty } && ledger.settled.withLock { $0.count == 1 })
        let free = gateway([Self.key("f")]) { _, _ in Self.ok() }
        let other = try #require(try await permits(free).first)
        #expect(await free.exchange(call(bytes: 100_000), with: other, avoiding: []).verdict == .success)
        #expect(ledger.returned.withLock { $0.isEmpty })
    }

    @Test func `what a job allows for its output counts where the usual output is more`() async throws {
        let rules = PacingRules(limits: [
            .organization("k", nil): PacingLimits(
                input: TokenRate(tokensPerMinute: 10_000_000), output: TokenRate(tokensPerMinute: 100_000))
        ])
        let gateway = gateway([Self.key("k")], rules: rules) { _, _ in Self.ok(output: 10) }
        let permit = try #require(try await permits(gateway).first)
        guard
            case .success(let fitting) = await gateway.fit(permit, to: call(bytes: 9000, members: #","max_tokens":32"#))
        else {
            Issue.record("deferred")
            return
        }
        #expect(fitting.block?.shares.first?.output?.tokens == 32)
        #expect(fitting.block?.shares.first?.input?.tokens ?? 0 > 2500)
    }

    @Test func `a stream that broke off is booked at what came of it, and teaches nothing`() async throws {
        let rules = PacingRules(limits: [
            .organization("k", nil): PacingLimits(output: TokenRate(tokensPerMinute: 100_000))
        ])
        let gateway = gateway([Self.key("k")], rules: rules) { _, _ in Self.ok() }
        let before = gateway.state.withLock { $0.estimator.estimate(model: Self.sonnet, bytes: nil, maxTokens: nil) }
        let permit = try #require(try await permits(gateway).first)
        guard case .streaming(let stream) = await gateway.open(call(), with: permit, avoiding: []) else {
            Issue.record("settled")
            return
        }
        let gone = TransportFailure(.canceled, maybeSent: true, detail: "the client is gone")
        await gateway.book(.egressFault(gone), of: stream, usage: TokenUsage(input: 10, output: 2000))
        #expect(ledger.settled.withLock { $0 } == [TokenCost(input: 10, output: 2000)])
        let after = gateway.state.withLock { $0.estimator.estimate(model: Self.sonnet, bytes: nil, maxTokens: nil) }
        #expect(after == before)
    }
}
