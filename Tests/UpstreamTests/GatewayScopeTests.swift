import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

/// Organizations, classes of models, tokens and who is to blame.
struct GatewayScopeTests {
    let clock = ManualClock()
    let ledger = FakeLedger()
    static let sonnet = "claude-sonnet-5", opus = "claude-opus-4"

    static func key(_ id: String, _ organization: String) -> UpstreamKey {
        UpstreamKey(id: id, organization: organization, secret: Secret(id), rate: nil)
    }

    func call(_ model: String) -> UpstreamCall {
        UpstreamCall(
            method: "POST", path: "/v1/messages", headers: [], body: Array(#"{"model":"\#(model)"}"#.utf8), model: model
        )
    }

    func gateway(
        _ keys: [UpstreamKey], paths: [EgressPath] = [.direct], rules: PacingRules = PacingRules(),
        onNotice: @escaping @Sendable (GatewayNotice) async -> Void = { _ in }, _ script: @escaping FakeTransport.Script
    ) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: paths, pacing: rules),
            transport: FakeTransport(script), ledger: ledger, keyring: FakeKeyring(keys), clock: clock,
            wall: clock.wall, onNotice: onNotice)
    }

    func send(
        _ gateway: Gateway<ManualClock>, _ model: String, _ urgency: Urgency = .batch, prefix: UInt64? = nil
    ) async throws -> Exchange {
        let demand = CallDemand(urgency, model: model, bytes: 3500, maxTokens: 10, prefix: prefix)
        let permit = try #require(try await gateway.permits(upTo: 1, for: demand, within: .zero).first)
        return await gateway.exchange(call(model), with: permit, avoiding: [])
    }

    static func ok(_ headers: [HeaderField] = [], input: Int = 10, output: Int = 5) -> UpstreamReply {
        let usage = #"{"type":"message","usage":{"input_tokens":\#(input),"output_tokens":\#(output)}}"#
        return UpstreamReply(status: 200, headers: headers, body: Array(usage.utf8))
    }

    static func error(_ status: Int, _ type: String, _ headers: [HeaderField] = []) -> UpstreamReply {
        UpstreamReply(
            status: status, headers: headers,
            body: Array(#"{"type":"error","error":{"type":"\#(type)","message":"m"}}"#.utf8))
    }

    @Test func `a 429 pauses the organization's class of models for all its keys, and nothing else`() async throws {
        let keys = [Self.key("a1", "a"), Self.key("a2", "a"), Self.key("b1", "b")]
        let gateway = gateway(keys) { request, _ in
            let isRefused =
                request.headers.first("x-api-key")?.hasPrefix("a") == true
                && String(decoding: request.body ?? [], as: UTF8.self).contains("sonnet")
            return isRefused ? Self.error(429, "rate_limit_error", [HeaderField("retry-after", "7")]) : Self.ok()
        }
        var refusals = 0
        for _ in 0..<12 where try await send(gateway, Self.sonnet).verdict == .rateLimited(retryAfter: .seconds(7)) {
            refusals += 1
        }
        #expect(refusals == 1)
        var others: Set<String> = []
        for _ in 0..<6 { others.insert(try await send(gateway, Self.opus).key) }
        #expect(others == ["a1", "a2", "b1"])
        clock.advance(by: .seconds(8))
        var verdicts: [Verdict] = []
        for _ in 0..<3 { verdicts.append(try await send(gateway, Self.sonnet).verdict) }
        #expect(verdicts.contains(.rateLimited(retryAfter: .seconds(7))))
    }

    @Test(arguments: [nil, "ramp_limit_exceeded"])
    func `a 429 for having grown too fast slows the scope down, another does not`(_ code: String?) async throws {
        let details = code.map { #","details":{"error_code":"\#($0)"}"# } ?? ""
        let body = Array(#"{"type":"error","error":{"type":"rate_limit_error","message":"m"\#(details)}}"#.utf8)
        let gateway = gateway([Self.key("k", "o")]) { _, _ in UpstreamReply(status: 429, headers: [], body: body) }
        _ = try await send(gateway, Self.sonnet)
        let scope = Self.key("k", "o").countedScope(of: ModelClass(model: Self.sonnet))
        #expect(ledger.scopes.withLock { $0[scope]?.rampFrom } == (code == nil ? nil : clock.timestamp))
    }

    @Test func `limits that the provider reports are kept from then on`() async throws {
        let gateway = gateway([Self.key("k", "o")]) { _, _ in
            Self.ok([
                HeaderField("anthropic-ratelimit-requests-limit", "120"),
                HeaderField("anthropic-ratelimit-requests-remaining", "119"),
            ])
        }
        _ = try await send(gateway, Self.sonnet)
        #expect(ledger.learned.withLock { $0 } == [.organization("o", ModelClass(model: Self.sonnet))])
        _ = try await send(gateway, Self.sonnet)
        let error = await #expect(throws: RelayError.self) { try await send(gateway, Self.sonnet) }
        #expect(error?.retryAfter == .milliseconds(500))
        _ = try await send(gateway, Self.opus)  // its class is another
        #expect(ledger.learned.withLock { $0.count } == 2)
    }

    @Test func `what is reported to a call whose body cannot be read is nobody's limit`() async throws {
        let gateway = gateway([Self.key("k", "o")]) { _, _ in
            Self.ok([
                HeaderField("anthropic-ratelimit-requests-limit", "120"),
                HeaderField("anthropic-ratelimit-requests-remaining", "119"),
            ])
        }
        let demand = CallDemand.unread(.interactive, bytes: 10)
        let permit = try #require(try await gateway.permits(upTo: 1, for: demand, within: .zero).first)
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: [0x1F])
        #expect(await gateway.exchange(call, with: permit, avoiding: []).verdict == .success)
        #expect(permit.models == .other && ledger.learned.withLock { $0.isEmpty })
    }

    @Test func `what a call has really cost is booked, and nothing for one that was refused`() async throws {
        let rules = PacingRules(limits: [
            .organization("o", nil): PacingLimits(
                input: TokenRate(tokensPerMinute: 1_000_000), output: TokenRate(tokensPerMinute: 1_000_000))
        ])
        let replies = Mutex([
            Self.ok(input: 800, output: 7), Self.error(429, "rate_limit_error"), Self.error(500, "api_error"),
        ])
        let gateway = gateway([Self.key("k", "o")], rules: rules) { _, _ in replies.withLock { $0.removeFirst() } }
        _ = try await send(gateway, Self.sonnet)
        clock.advance(by: .seconds(2))
        _ = try await send(gateway, Self.sonnet)
        clock.advance(by: .seconds(2))
        _ = try await send(gateway, Self.sonnet)
        #expect(ledger.settled.withLock { $0 } == [TokenCost(input: 800, output: 7), .nothing, nil])
    }

    @Test func `a permit for another class is exchanged, or the job waits its turn and is charged nothing`()
        async throws
    {
        let rules = PacingRules(limits: [
            .organization("o", ModelClass(model: Self.opus)): PacingLimits(rate: PacingRate(requestsPerSecond: 1))
        ])
        let gateway = gateway([Self.key("k", "o")], rules: rules) { _, _ in Self.ok() }
        var verdicts: [Verdict] = []
        for _ in 0..<2 {
            let permit = try #require(
                try await gateway.permits(upTo: 1, for: CallDemand(.batch, model: Self.sonnet), within: .zero).first)
            verdicts.append(await gateway.exchange(call(Self.opus), with: permit, avoiding: []).verdict)
        }
        #expect(verdicts == [.success, .deferred(retryAfter: .seconds(1))])
        #expect(verdicts[1].isRetryable && !verdicts[1].isMaybeBilled && gateway.status().inFlight == 0)
    }

    @Test func `a call whose body cannot be read counts in every class that has limits of its own, and as other`()
        async throws
    {
        let one = PacingLimits(rate: PacingRate(requestsPerSecond: 1))
        for limited in [ModelClass(model: Self.sonnet), ModelClass(model: Self.opus), nil] {
            let gateway = gateway(
                [Self.key("k", "o\(limited?.name ?? "")")],
                rules: PacingRules(limits: [.organization("o\(limited?.name ?? "")", limited): one])
            ) { _, _ in Self.ok() }
            let unread = CallDemand.unread(.interactive, bytes: 9)
            #expect(try await gateway.permits(upTo: 1, for: unread, within: .zero).count == 1)
            await #expect(throws: RelayError.self) { try await gateway.permits(upTo: 1, for: unread, within: .zero) }
            guard let limited else { continue }
            let named = CallDemand(.interactive, model: limited == .init(model: Self.sonnet) ? Self.sonnet : Self.opus)
            await #expect(throws: RelayError.self) { try await gateway.permits(upTo: 1, for: named, within: .zero) }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `an interactive call books its start ahead, a job asks again`() async throws {
        let key = UpstreamKey(id: "k", organization: "o", secret: Secret("s"), rate: PacingRate(requestsPerSecond: 1))
        let gateway = gateway([key]) { _, _ in Self.ok() }
        let demand = CallDemand(.interactive, model: Self.sonnet)
        var starts: [Timestamp] = []
        for _ in 0..<3 {
            let permits = try await gateway.permits(upTo: 1, for: demand, within: .seconds(5))
            starts += permits.map(\.start)
        }
        #expect(starts == (0..<3).map { clock.timestamp.advanced(by: .seconds($0)) })
        await #expect(throws: RelayError.self) {
            try await gateway.permits(upTo: 1, for: CallDemand(.batch, model: Self.sonnet), within: .zero)
        }
    }

    @Test func `an interactive call without a prefix takes a key that is free now rather than wait for another`()
        async throws
    {
        let rate = PacingRate(requestsPerSecond: 20)
        let keys = ["a", "b"].map { UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: rate) }
        let gateway = gateway(keys) { _, _ in Self.ok() }
        var permits: [Permit] = []
        for _ in 0..<3 {
            permits += try await gateway.permits(
                upTo: 1, for: CallDemand(.interactive, model: Self.sonnet), within: .seconds(5))
        }
        #expect(permits.prefix(2).map(\.start) == [clock.timestamp, clock.timestamp])
        #expect(Set(permits.prefix(2).map(\.key.id)) == ["a", "b"])
        #expect(permits.last?.start == clock.timestamp.advanced(by: .milliseconds(50)))
    }

    @Test func `calls that share a prefix go to one organization as long as it has room`() async throws {
        let keys = ["a", "b", "c"].map { Self.key($0, $0) }
        let gateway = gateway(keys) { _, _ in Self.ok() }
        var homes: Set<String> = []
        for prefix in UInt64(0)..<20 {
            var met: Set<String> = []
            for _ in 0..<6 { met.insert(try await send(gateway, Self.sonnet, .interactive, prefix: prefix).key) }
            #expect(met.count == 1)
            homes.formUnion(met)
        }
        #expect(homes.count == 3)
    }

    @Test func `jobs that nothing limits go where their prompt is cached, though their permits came from one key`()
        async throws
    {
        let keys = ["a", "b", "c"].map { Self.key($0, $0) }
        let gateway = gateway(keys) { _, _ in Self.ok() }
        var homes: [Int: Set<String>] = [:]
        for _ in 0..<4 {
            let permits = try await gateway.permits(
                upTo: 60, for: CallDemand(.batch, model: Self.sonnet), within: .zero)
            for (number, permit) in permits.enumerated() {
                let text = #"{"model":"m","system":[{"text":"\#(number)","cache_control":{}}],"messages":[{"a":1}]}"#
                let call = UpstreamCall(
                    method: "POST", path: "/v1/messages", headers: [], body: Array(text.utf8), model: Self.sonnet)
                homes[number, default: []].insert(await gateway.exchange(call, with: permit, avoiding: []).key)
            }
        }
        #expect(homes.count == 60 && homes.values.allSatisfy { $0.count == 1 })
        let load = Dictionary(homes.values.joined().map { ($0, 1) }, uniquingKeysWith: +)
        #expect(load.count == 3 && load.values.allSatisfy { $0 >= 10 }, "\(load)")
    }

    @Test func `a job whose organization has a slot at once trades its permit for that, and else keeps it`()
        async throws
    {
        let keys = ["a", "b"].map {
            UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: PacingRate(requestsPerSecond: 10))
        }
        let gateway = gateway(keys) { _, _ in Self.ok() }
        let text = #"{"model":"m","system":[{"text":"Manual","cache_control":{}}],"messages":[{"a":1}]}"#
        let call = UpstreamCall(
            method: "POST", path: "/v1/messages", headers: [], body: Array(text.utf8), model: Self.sonnet)
        let prefix = try #require(PromptPrefix.fingerprint(of: Array(text.utf8)))
        let home = try #require(KeyOrder.of(keys, for: prefix).first?.id)
        let demand = CallDemand(.batch, model: Self.sonnet)
        let permits = try await gateway.permits(upTo: 4, for: demand, within: .zero)
        let astray = try #require(permits.first { $0.key.id != home })
        await gateway.giveBack(permits.filter { $0 != astray })
        #expect(await gateway.homed(astray, for: call).key.id == home)
        // The one that was traded in can be had again; with all slots taken nothing is traded.
        let all = try await gateway.permits(upTo: 9, for: demand, within: .zero)
        #expect(all.contains { $0.key.id != home })
        let kept = try #require(all.first { $0.key.id != home })
        #expect(await gateway.homed(kept, for: call) == kept)
    }

    @Test func `a refused region takes the path out, and whoever keeps that in mind is told`() async throws {
        let told = Mutex<[GatewayNotice]>([])
        let paths = ["left", "right"].map { EgressPath(id: $0, route: .source($0)) }
        let gateway = gateway(
            [Self.key("k", "o")], paths: paths, onNotice: { notice in told.withLock { $0.append(notice) } }
        ) { _, path in
            guard path.id == "left" else { return Self.ok() }
            return UpstreamReply(
                status: 403, headers: [],
                body: Array(#"{"type":"error","error":{"type":"forbidden","message":"Request not allowed"}}"#.utf8))
        }
        for index in 0..<20 { _ = try await send(gateway, index % 2 == 0 ? Self.sonnet : Self.opus) }
        gateway.adopt(
            gateway.status().paths.first { $0.id == "left" }?.state == .passing ? [:] : ["left": .regionRefused])
        let probe = EgressProber(gateway: gateway, interval: .seconds(3600), timeout: .seconds(1))
        #expect(await probe.probe(paths[0]) == .regionRefused)
        #expect(await probe.probe(paths[1]) == .reached(status: 200))
        await gateway.book(await probe.probe(paths[0]), of: paths[0])
        #expect(told.withLock { $0.allSatisfy { $0 == .regionRefused(path: "left") } && !$0.isEmpty })
        #expect(gateway.status().paths[0].state == .out(.regionRefused))

        #expect(gateway.unrecordedOutages == ["left"])
        gateway.recordedOutage(of: "left")
        gateway.adopt([:])
        gateway.adopt([EgressPath(id: "left", route: .source("elsewhere")), paths[1]], preferring: [])
        await gateway.book(EgressProber<ManualClock>.Finding.regionRefused, of: paths[0])
        #expect(gateway.status().paths[0].state == .passing, "what was asked is no longer there")
    }
}
