import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

struct GatewayPacingTests {
    private let clock = ManualClock()
    private let ledger = FakeLedger()
    private let key = UpstreamKey(
        id: "k", organization: "org", secret: Secret("s"), rate: PacingRate(requestsPerSecond: 10))
    private let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: [0x7B, 0x7D])

    private func gateway(
        _ status: Int = 200, _ body: String = "{}", paths: [EgressPath] = [.direct]
    ) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: paths),
            transport: FakeTransport { _, _ in UpstreamReply(status: status, headers: [], body: Array(body.utf8)) },
            ledger: ledger, keyring: FakeKeyring([key]), clock: clock, wall: clock.wall)
    }

    private func permits(_ count: Int) -> [Permit] {
        let spacing = Duration.milliseconds(100)
        let block = SlotBlock(
            first: clock.timestamp, spacing: spacing, count: count,
            shares: [ScopeShare(scope: .key("k"), spacing: spacing)])
        return (0..<count).map { Permit(key: key, start: block.start(of: $0), block: block, slot: $0) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls of a key that wake late, together, are spread out again`() async {
        let gateway = gateway()
        let permits = permits(4)
        clock.advance(by: .seconds(5))  // all four are overdue
        await withTaskGroup(of: Timestamp.self) { group in
            for permit in permits {
                group.addTask { await gateway.exchange(self.call, with: permit, avoiding: []).startedAt }
            }
            await clock.waitForSleepers(3)
            var starts = [await group.next()]
            for _ in 0..<3 {
                clock.advance(by: .milliseconds(98))
                starts.append(await group.next())
            }
            let first = starts[0] ?? clock.timestamp
            #expect(starts == (0..<4).map { first.advanced(by: .milliseconds(98) * $0) })
        }
    }

    /// 450,000 input tokens a minute, and no limit of requests.
    @Test(.timeLimit(.minutes(1)))
    func `a call that may run ahead of its tokens starts at once, and so do the small ones behind it`() async throws {
        let model = "claude-sonnet-5"
        let rules = PacingRules(limits: [
            .organization("org", nil): PacingLimits(input: TokenRate(tokensPerMinute: 450_000))
        ])
        let gateway = Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct], pacing: rules),
            transport: FakeTransport { _, _ in UpstreamReply(status: 200, headers: [], body: Array("{}".utf8)) },
            ledger: ledger,
            keyring: FakeKeyring([UpstreamKey(id: "k", organization: "org", secret: Secret("s"), rate: nil)]),
            clock: clock, wall: clock.wall)
        let now = clock.timestamp
        for bytes in [100, 105_000, 100, 52_500, 100] {
            let demand = CallDemand(.interactive, model: model, bytes: bytes)
            let permit = try #require(try await gateway.permits(upTo: 1, for: demand, within: .zero).first)
            #expect(permit.start == now)
            let call = UpstreamCall(
                method: "POST", path: "/v1/messages", headers: [], body: Array("{}".utf8), model: model)
            #expect(await gateway.exchange(call, with: permit, avoiding: []).startedAt == now)
        }
    }

    @Test func `permits in hand are used if the ledger fails at the next key`() async throws {
        let keys = ["a", "b"].map {
            UpstreamKey(id: $0, organization: $0, secret: Secret($0), rate: PacingRate(requestsPerSecond: 1))
        }
        let gateway = Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct]),
            transport: FakeTransport { _, _ in UpstreamReply(status: 200, headers: [], body: []) },
            ledger: ledger, keyring: FakeKeyring(keys), clock: clock, wall: clock.wall)
        ledger.failing.withLock { $0 = [.key("b")] }
        var permits: [Permit] = []
        for _ in 0..<4 where permits.isEmpty {  // the keys take turns
            permits = (try? await gateway.permits(upTo: 2, for: CallDemand(.batch), within: .zero)) ?? []
        }
        #expect(permits.map(\.key.id) == ["a"])
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls in flight are told of at once when the clock was set`() async {
        let gateway = gateway()
        let upkeep = Task { await gateway.keepInStep() }
        func pass(_ seconds: Int) async -> Int {
            for _ in 0..<seconds {
                await clock.waitForSleepers()
                clock.advance(by: .seconds(1))
            }
            await clock.waitForSleepers()
            return ledger.renewals.withLock { $0 }
        }
        #expect(await pass(14) == 1)
        #expect(await pass(1) == 2)
        for step in [3600, -3600] {
            let before = ledger.renewals.withLock { $0 }
            clock.stepWall(by: .seconds(step))
            #expect(await pass(1) == before + 1)
        }
        upkeep.cancel()
        await upkeep.value
    }

    @Test func `only the end of a block is given back: a slot before one in use is spent`() async {
        let gateway = gateway()
        let block = permits(4)
        await gateway.giveBack([block[0], block[2], block[3]])
        await gateway.giveBack([block[1]])
        #expect(ledger.returned.withLock { $0 } == [2])
    }

    @Test func `when every path is refused for its region, nothing is sent any more and the error says so`()
        async throws
    {
        let refusal = #"{"error":{"type":"permission_error","message":"Request not allowed"}}"#
        let gateway = gateway(403, refusal)
        let permit = try #require(try await gateway.permits(upTo: 1, for: CallDemand(.batch), within: .zero).first)
        #expect(await gateway.exchange(call, with: permit, avoiding: []).verdict == .egressRefused)
        let error = await #expect(throws: RelayError.self) {
            try await gateway.permits(upTo: 1, for: CallDemand(.batch), within: .seconds(5))
        }
        #expect(error?.code == .noEgressPath)
    }
}
