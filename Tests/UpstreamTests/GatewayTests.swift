import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

struct GatewayTests {
    private let clock = ManualClock()
    private let ledger = FakeLedger()
    private let call = UpstreamCall(
        method: "POST", path: "/v1/messages?beta=true",
        headers: [HeaderField("X-API-Key", "client"), HeaderField("Authorization", "Bearer c"), HeaderField("a", "b")],
        body: [0x7B, 0x7D], model: "claude-sonnet-5")
    private static let invalidKey =
        #"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#
    private static let demand = CallDemand(.batch, model: "claude-sonnet-5")

    private static func key(_ id: String, secret: String = "s", rps: Double? = nil) -> UpstreamKey {
        UpstreamKey(
            id: id, organization: "org", secret: Secret(secret),
            rate: rps.flatMap { PacingRate(requestsPerSecond: $0) })
    }

    private func gateway(
        _ keyring: FakeKeyring, paths: [EgressPath] = [.direct], _ transport: FakeTransport
    ) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up/", egress: paths), transport: transport,
            ledger: ledger, keyring: keyring, clock: clock, wall: clock.wall)
    }

    private static func answering(_ status: Int, _ body: String = "{}", _ headers: [HeaderField] = []) -> FakeTransport
    {
        FakeTransport { _, _ in UpstreamReply(status: status, headers: headers, body: Array(body.utf8)) }
    }

    private func once(_ gateway: Gateway<ManualClock>) async throws -> Exchange {
        let permit = try #require(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).first)
        return await gateway.exchange(call, with: permit, avoiding: [])
    }

    @Test func `the key's credential replaces the client's`() async throws {
        let transport = Self.answering(200)
        let exchange = try await once(gateway(FakeKeyring([Self.key("k", secret: "sk-1")]), transport))
        #expect(exchange.verdict == .success && exchange.key == "k" && exchange.egress == "direct")
        let sent = try #require(transport.requests.first?.request)
        #expect(sent.url == "http://up/v1/messages?beta=true")
        let expected = [
            HeaderField("a", "b"), HeaderField("x-api-key", "sk-1"), HeaderField("content-type", "application/json"),
        ]
        #expect(sent.headers == expected)
    }

    @Test func `a body that has changed since it was taken in is not sent, and no path is blamed`() async throws {
        let transport = Self.answering(200)
        let gateway = gateway(FakeKeyring([Self.key("a")]), transport)
        for (digest, count) in [(BodyDigest([0x7B, 0x7D]), 1), (BodyDigest([0x7B, 0x7C]), 1), (nil, 2)] {
            let call = UpstreamCall(
                method: "POST", path: "/v1/messages", headers: [], body: [0x7B, 0x7D], digest: digest)
            let permit = try #require(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).first)
            let exchange = await gateway.exchange(call, with: permit, avoiding: [])
            #expect(transport.requests.count == count && exchange.verdict.isRetryable == false)
        }
        #expect(gateway.status().paths.map(\.state) == [.passing] && gateway.status().inFlight == 0)
    }

    @Test func `without keys there is no permit, and the error says what to do`() async throws {
        let gateway = gateway(FakeKeyring([]), Self.answering(200))
        do {
            _ = try await gateway.permits(upTo: 1, for: Self.demand, within: .seconds(9))
            Issue.record("a permit without a key")
        } catch {
            #expect(error.code == .noUpstreamKey && error.remedy.contains("relay keys add"))
        }
    }

    @Test func `unlimited keys take turns`() async throws {
        let gateway = gateway(FakeKeyring(["a", "b", "c"].map { Self.key($0) }), Self.answering(200))
        var counts: [String: Int] = [:]
        for _ in 0..<30 { counts[try await once(gateway).key, default: 0] += 1 }
        #expect(counts == ["a": 10, "b": 10, "c": 10])
    }

    @Test func `a spent key makes the call wait for its next slot, within the patience`() async throws {
        let gateway = gateway(FakeKeyring([Self.key("k", rps: 2)]), Self.answering(200))
        #expect(try await gateway.permits(upTo: 5, for: Self.demand, within: .zero).count == 1)
        do {
            _ = try await gateway.permits(upTo: 1, for: Self.demand, within: .zero)
            Issue.record("a permit too early")
        } catch {
            #expect(error.code == .pacingExhausted && error.retryAfter == .milliseconds(500))
        }
        async let later = gateway.permits(upTo: 1, for: Self.demand, within: .seconds(1))
        await clock.waitForSleepers()
        clock.advance(by: .milliseconds(500))
        #expect(try await later.first?.start == clock.timestamp)
    }

    @Test func `cancelling ends the wait for a permit`() async throws {
        let gateway = gateway(FakeKeyring([Self.key("k", rps: 1)]), Self.answering(200))
        _ = try await gateway.permits(upTo: 1, for: Self.demand, within: .zero)
        let task = Task { () -> ErrorCode? in
            do throws(RelayError) {
                _ = try await gateway.permits(upTo: 1, for: Self.demand, within: .seconds(60))
                return nil
            } catch {
                return error.code
            }
        }
        await clock.waitForSleepers()
        task.cancel()
        #expect(await task.value == .pacingExhausted)
    }

    @Test func `permits given back go to the ledger, those of unlimited keys nowhere`() async throws {
        let limited = gateway(FakeKeyring([Self.key("k", rps: 2)]), Self.answering(200))
        await limited.giveBack(try await limited.permits(upTo: 1, for: Self.demand, within: .zero))
        let unlimited = gateway(FakeKeyring([Self.key("k")]), Self.answering(200))
        await unlimited.giveBack(try await unlimited.permits(upTo: 3, for: Self.demand, within: .zero))
        #expect(ledger.returned.withLock { $0 } == [1])
    }

    @Test(arguments: [nil, 1000.0])
    func `a 429 pauses the key until retry-after and no longer`(_ rps: Double?) async throws {
        let transport = Self.answering(429, "{}", [HeaderField("retry-after", "3")])
        let gateway = gateway(FakeKeyring([Self.key("k", rps: rps)]), transport)
        #expect(try await once(gateway).verdict == .rateLimited(retryAfter: .seconds(3)))
        clock.advance(by: .milliseconds(2800))
        await #expect(throws: RelayError.self) {
            try await gateway.permits(upTo: 1, for: Self.demand, within: .zero)
        }
        clock.advance(by: .milliseconds(200))
        #expect(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).count == 1)
    }

    @Test func `a refused key is out, the others go on, and a new secret brings it back`() async throws {
        let transport = FakeTransport { request, _ in
            let isBad = request.headers.first("x-api-key") == "bad"
            return UpstreamReply(
                status: isBad ? 401 : 200, headers: [], body: Array((isBad ? Self.invalidKey : "{}").utf8))
        }
        let keyring = FakeKeyring([Self.key("a", secret: "bad"), Self.key("b", secret: "good")])
        let gateway = gateway(keyring, transport)
        for _ in 0..<10 { _ = try await once(gateway) }
        #expect(transport.requests.filter { $0.request.headers.first("x-api-key") == "bad" }.count == 1)
        #expect(gateway.status().keys.first?.outage?.reason == .refused)
        keyring.replace([Self.key("a", secret: "new")])
        #expect(try await once(gateway).verdict == .success)
    }

    @Test func `an error that says the key says it to nobody`() async throws {
        let (key, masked) = ("sk-ant-1", "********")
        let said = #"{"error":{"type":"permission_error","message":"\#(key) may not, \#(key)!"},"at":"sk-ant-"}"#
        let gateway = gateway(FakeKeyring([Self.key("k", secret: key)]), Self.answering(403, said))
        #expect(try await once(gateway).reply?.body == Array(said.replacing(key, with: masked).utf8))
        let fine = self.gateway(FakeKeyring([Self.key("k", secret: key)]), Self.answering(200, said))
        #expect(try await once(fine).reply?.body == Array(said.utf8), "answers keep their bytes")
    }

    @Test func `a refused key is tried again after five minutes`() async throws {
        let gateway = gateway(FakeKeyring([Self.key("k")]), Self.answering(401, Self.invalidKey))
        _ = try await once(gateway)
        do {
            _ = try await gateway.permits(upTo: 1, for: Self.demand, within: .zero)
            Issue.record("the key is not out")
        } catch {
            #expect(error.code == .noUpstreamKey && error.message.contains("'k' (refused until"))
            #expect(error.retryAfter == .seconds(300))
        }
        clock.advance(by: .seconds(300))
        #expect(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).count == 1)
    }

    @Test func `a spend limit takes the key out until the first of next month`() async throws {
        let body = #"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#
        let gateway = gateway(FakeKeyring([Self.key("k")]), Self.answering(429, body))
        #expect(try await once(gateway).verdict == .spendLimited)
        #expect(gateway.status().keys.first?.outage?.until == Timestamp(rfc3339: "2026-02-01T00:00:00Z"))
    }

    @Test func `from the third in a row on, an overload rests the provider for a doubling while and blames no key`()
        async throws
    {
        let gateway = gateway(FakeKeyring([Self.key("k")]), Self.answering(529))
        for _ in 0..<OverloadBrake.tolerated {
            _ = try await once(gateway)
            #expect(gateway.status().overloadedUntil == nil)
        }
        for rest in [250, 500, 1000, 2000, 4000, 8000, 8000] {
            _ = try await once(gateway)
            #expect(gateway.status().overloadedUntil == clock.timestamp.advanced(by: .milliseconds(rest)))
            #expect(gateway.status().keys.first?.outage == nil)
            clock.advance(by: .milliseconds(rest))
        }
    }

    @Test func `a region refusal takes the path out, and the call goes over another`() async throws {
        let transport = FakeTransport { _, path in
            let refusal = #"{"error":{"type":"permission_error","message":"Request not allowed"}}"#
            let isRefused = path.id == "a"
            return UpstreamReply(
                status: isRefused ? 403 : 200, headers: [], body: Array((isRefused ? refusal : "{}").utf8))
        }
        let paths = ["a", "b"].map { EgressPath(id: $0, route: .direct) }
        let keys = (0..<16).map { Self.key("key-\($0)") }
        let gateway = gateway(FakeKeyring(keys), paths: paths, transport)
        for _ in 0..<32 { _ = try await once(gateway) }
        #expect(transport.requests.filter { $0.path == "a" }.count == 1)
        #expect(gateway.status().paths.map(\.state) == [.out(.regionRefused), .passing])
        #expect(gateway.status().keys.allSatisfy { $0.outage == nil })
    }

    @Test func `faults trip a path, cancellations and oversized answers do not`() async throws {
        let kind = Mutex(TransportFailure.Kind.canceled)
        let transport = FakeTransport { (_, _) throws(TransportFailure) in
            throw TransportFailure(kind.withLock { $0 }, maybeSent: true, detail: "")
        }
        let gateway = gateway(FakeKeyring([Self.key("k")]), transport)
        for harmless in [TransportFailure.Kind.canceled, .tooLarge] {
            kind.withLock { $0 = harmless }
            for _ in 0..<6 { _ = try await once(gateway) }
            #expect(gateway.status().paths.first?.state == .passing)
        }
        kind.withLock { $0 = .timeout }
        for _ in 0..<5 { _ = try await once(gateway) }
        #expect(gateway.status().paths.first?.state != .passing)
        #expect(gateway.status().inFlight == 0)
    }

    @Test func `a 2xx opens as a stream that counts as in flight until it is booked`() async throws {
        let gateway = gateway(FakeKeyring([Self.key("k")]), Self.answering(200, "data"))
        let permit = try #require(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).first)
        guard case .streaming(let stream) = await gateway.open(call, with: permit, avoiding: []) else {
            Issue.record("settled")
            return
        }
        #expect(try await stream.body.collect(limit: 10) == Array("data".utf8))
        #expect(gateway.status().inFlight == 1)
        await gateway.book(.spendLimited, of: stream, usage: nil)
        #expect(gateway.status().inFlight == 0 && gateway.status().keys.first?.outage != nil)
    }

    @Test func `that a key is out is told once, not by each of its calls`() async throws {
        let told = Mutex<[GatewayNotice]>([])
        let gateway = Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct]),
            transport: Self.answering(401, Self.invalidKey), ledger: FakeLedger(),
            keyring: FakeKeyring([Self.key("k")]), clock: clock,
            wall: clock.wall, onNotice: { notice in told.withLock { $0.append(notice) } })
        let permits = try await gateway.permits(upTo: 3, for: Self.demand, within: .zero)
        for permit in permits { _ = await gateway.exchange(call, with: permit, avoiding: []) }
        let outage = try #require(gateway.status().keys.first?.outage)
        #expect(told.withLock { $0 } == [.keyOut("k", outage)])
    }

    @Test func `any other answer opens settled`() async throws {
        let gateway = gateway(FakeKeyring([Self.key("k")]), Self.answering(500))
        let permit = try #require(try await gateway.permits(upTo: 1, for: Self.demand, within: .zero).first)
        guard case .settled(let exchange) = await gateway.open(call, with: permit, avoiding: []) else {
            Issue.record("streaming")
            return
        }
        #expect(exchange.verdict == .upstreamFault(retryAfter: nil) && exchange.reply?.status == 500)
    }

    @Test func `a call waits for its permit's start, and cancelling then sends nothing`() async throws {
        let transport = Self.answering(200)
        let gateway = gateway(FakeKeyring([Self.key("k")]), transport)
        let models = Self.demand.models
        let permit = Permit(
            key: Self.key("k"), start: clock.timestamp.advanced(by: .milliseconds(50)), block: nil, models: models)
        async let exchange = gateway.exchange(call, with: permit, avoiding: [])
        await clock.waitForSleepers()
        #expect(transport.requests.isEmpty)
        clock.advance(by: .milliseconds(50))
        #expect(await exchange.startedAt == permit.start)
        let late = Permit(
            key: permit.key, start: clock.timestamp.advanced(by: .seconds(1)), block: nil, models: models)
        let task = Task { await gateway.exchange(call, with: late, avoiding: []).verdict }
        await clock.waitForSleepers()
        task.cancel()
        guard case .egressFault(let failure) = await task.value else {
            Issue.record("not a fault")
            return
        }
        #expect(failure.kind == .canceled && !failure.maybeSent && transport.requests.count == 1)
    }
}
