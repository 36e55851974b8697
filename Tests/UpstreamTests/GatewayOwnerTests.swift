import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

/// Whose limits a key spends: organizations told by answers, and workspaces.
struct GatewayOwnerTests {
    private let clock = ManualClock()
    private let model = "claude-sonnet-5"

    private func key(_ id: String, of organization: String? = nil, workspace: String? = nil) -> UpstreamKey {
        UpstreamKey(
            id: id, organization: organization ?? id, workspace: workspace, secret: Secret(id), rate: nil)
    }

    private func gateway(
        _ keys: [UpstreamKey], _ limits: [PacingRules.Subject: PacingLimits] = [:],
        onNotice: @escaping @Sendable (GatewayNotice) async -> Void = { _ in },
        _ script: @escaping FakeTransport.Script
    ) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(
                upstream: "http://up", egress: [.direct], pacing: PacingRules(limits: limits)),
            transport: FakeTransport(script), ledger: FakeLedger(), keyring: FakeKeyring(keys), clock: clock,
            wall: clock.wall, onNotice: onNotice)
    }

    private func permits(_ gateway: Gateway<ManualClock>, _ count: Int) async throws -> [Permit] {
        try await gateway.permits(upTo: count, for: CallDemand(.batch, model: model), within: .zero)
    }

    private func send(_ gateway: Gateway<ManualClock>, with permit: Permit) async -> Verdict {
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: Array("{}".utf8), model: model)
        return await gateway.exchange(call, with: permit, avoiding: []).verdict
    }

    private static func ok(_ headers: [HeaderField] = []) -> UpstreamReply {
        UpstreamReply(status: 200, headers: headers, body: Array(#"{"type":"message"}"#.utf8))
    }

    @Test func `keys of one organization share its limit once their answers have named it`() async throws {
        let limit = PacingLimits(rate: PacingRate(requestsPerSecond: 1))
        let gateway = gateway([key("a"), key("b")], [.organization("a", nil): limit, .organization("b", nil): limit]) {
            _, _ in Self.ok([HeaderField("anthropic-organization-id", "0b5c")])
        }
        let first = try await permits(gateway, 2)
        #expect(Set(first.map(\.key.id)) == ["a", "b"], "nobody knows yet")
        for permit in first { #expect(await send(gateway, with: permit) == .success) }
        clock.advance(by: .seconds(5))
        #expect(try await permits(gateway, 2).count == 1)
        #expect(gateway.status().keys.map(\.organization) == ["a", "a"])
    }

    /// Fifty starts a second, and one in ten seconds, under the names of two keys.
    @Test(arguments: [(slow: "a", quick: "b"), (slow: "b", quick: "a")])
    func `of limits under two names of one organization the stricter hold, and that is told once`(
        _ names: (slow: String, quick: String)
    ) async throws {
        let told = Mutex<[GatewayNotice]>([])
        let limits: [PacingRules.Subject: PacingLimits] = [
            .organization(names.slow, ModelClass(model: model)): PacingLimits(
                rate: PacingRate(requestsPerSecond: 0.1)),
            .organization(names.quick, nil): PacingLimits(rate: PacingRate(requestsPerSecond: 50)),
        ]
        let gateway = gateway(
            [key("a"), key("b")], limits, onNotice: { notice in told.withLock { $0.append(notice) } }
        ) { _, _ in Self.ok([HeaderField("anthropic-organization-id", "0b5c")]) }
        for permit in try await permits(gateway, 2) { #expect(await send(gateway, with: permit) == .success) }
        let upkeep = Task { await gateway.keepInStep() }
        for _ in 0..<11 {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        await clock.waitForSleepers()
        #expect(try await permits(gateway, 9).count == 1)
        clock.advance(by: .seconds(5))
        await #expect(throws: RelayError.self, "0.1/s") { try await permits(gateway, 9) }
        #expect(told.withLock { $0 } == [.limitsDoubled(.init(["a", "b"], isCountedApart: false))])
        upkeep.cancel()
        await upkeep.value
    }

    @Test func `a workspace has limits of its own within those of its organization`() async throws {
        let keys = [
            key("a", of: "org", workspace: "slow"), key("b", of: "org", workspace: "quick"), key("c", of: "org"),
        ]
        let limits: [PacingRules.Subject: PacingLimits] = [
            .workspace("slow", of: "org", nil): PacingLimits(rate: PacingRate(requestsPerSecond: 1)),
            .workspace("quick", of: "org", ModelClass(model: model)): PacingLimits(concurrency: 1),
            .organization("org", nil): PacingLimits(concurrency: 3),
        ]
        let gateway = gateway(keys, limits) { _, _ in Self.ok() }
        #expect(try await permits(gateway, 9).map(\.key.id).sorted() == ["a", "b", "c"])
    }

    @Test func `a 429 of one workspace pauses that one alone`() async throws {
        let keys = [key("a", of: "org", workspace: "w"), key("b", of: "org", workspace: "v"), key("c", of: "org")]
        let refusal = UpstreamReply(
            status: 429, headers: [HeaderField("retry-after", "7")],
            body: Array(#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#.utf8))
        let gateway = gateway(keys) { request, _ in
            request.headers.first("x-api-key") == "a" ? refusal : Self.ok()
        }
        while let permit = try await permits(gateway, 1).first {
            guard await send(gateway, with: permit) == .success else { break }
        }
        var met: Set<String> = []
        for _ in 0..<6 { met.formUnion(try await permits(gateway, 1).map(\.key.id)) }
        #expect(met == ["b", "c"])
        clock.advance(by: .seconds(7))
        for _ in 0..<6 { met.formUnion(try await permits(gateway, 1).map(\.key.id)) }
        #expect(met == ["a", "b", "c"])
    }
}
