import Domain
import TestSupport
import Testing

@testable import Upstream

/// Calls that a stalled process finds overdue, all at once.
struct GatewaySpreadTests {
    private let clock = ManualClock()
    private let transport = FakeTransport { _, _ in UpstreamReply(status: 200, headers: [], body: []) }
    private static let tenASecond = PacingRate(requestsPerSecond: 10)
    private static let sonnet = "claude-sonnet-5", opus = "claude-opus-4"

    private static func key(_ id: String, rate: PacingRate? = nil) -> UpstreamKey {
        UpstreamKey(id: id, organization: "org", secret: Secret(id), rate: rate)
    }

    private func gateway(_ keys: [UpstreamKey], rules: PacingRules = PacingRules()) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: [.direct], pacing: rules),
            transport: transport, ledger: FakeLedger(), keyring: FakeKeyring(keys), clock: clock,
            wall: clock.wall)
    }

    /// Books one call to each of `models` as far ahead as need be, stalls until all are overdue, and sends them.
    private func startsAfterStall(
        of stall: Duration, _ gateway: Gateway<ManualClock>, models: [String]
    ) async throws -> [(key: String, at: Timestamp)] {
        var permits: [(Permit, String)] = []
        for model in models {
            let demand = CallDemand(.interactive, model: model)
            permits += try await gateway.permits(upTo: 1, for: demand, within: .seconds(10)).map { ($0, model) }
        }
        #expect(permits.count == models.count)
        clock.advance(by: stall)
        #expect(permits.allSatisfy { $0.0.start <= clock.timestamp })
        return await withTaskGroup(of: (key: String, at: Timestamp).self) { group in
            for (permit, model) in permits {
                let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: [], model: model)
                group.addTask {
                    let exchange = await gateway.exchange(call, with: permit, avoiding: [])
                    return (exchange.key, exchange.startedAt)
                }
            }
            while transport.requests.count < permits.count {
                let isQuiet = transport.requests.count + clock.sleeperCount == permits.count
                if isQuiet, let next = clock.untilNextWake { clock.advance(by: next) }
                await Task.yield()
            }
            var starts: [(key: String, at: Timestamp)] = []
            for await start in group { starts.append(start) }
            return starts.sorted { $0.at < $1.at }
        }
    }

    /// Ten a second, and two in a hundred more.
    private func expectSpread(
        _ starts: [(key: String, at: Timestamp)], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for (first, next) in zip(starts, starts.dropFirst()) {
            #expect(next.at.duration(since: first.at) == .milliseconds(98), sourceLocation: sourceLocation)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `keys of one organization start no more calls together than it may`() async throws {
        let rules = PacingRules(limits: [.organization("org", nil): PacingLimits(rate: Self.tenASecond)])
        let gateway = gateway(["a", "b", "c"].map { Self.key($0) }, rules: rules)
        let models = Array(repeating: Self.sonnet, count: 12)
        let starts = try await startsAfterStall(of: .seconds(2), gateway, models: models)
        #expect(Set(starts.map(\.key)).count == 3)
        expectSpread(starts)
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls of one key to two classes of models start no faster than the key may`() async throws {
        let gateway = gateway([Self.key("k", rate: Self.tenASecond)])
        let models = (0..<10).map { $0.isMultiple(of: 2) ? Self.sonnet : Self.opus }
        expectSpread(try await startsAfterStall(of: .seconds(2), gateway, models: models))
    }

    @Test(.timeLimit(.minutes(1)))
    func `fifty calls that are overdue after five seconds start over the next five`() async throws {
        let gateway = gateway([Self.key("k", rate: Self.tenASecond)])
        let models = Array(repeating: Self.sonnet, count: 50)
        expectSpread(try await startsAfterStall(of: .seconds(5), gateway, models: models))
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls that were given up while they waited push no others back`() async throws {
        let gateway = gateway([Self.key("k", rate: Self.tenASecond)])
        let demand = CallDemand(.interactive, model: Self.sonnet)
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: [], model: Self.sonnet)
        var permits: [Permit] = []
        for _ in 0..<6 { permits += try await gateway.permits(upTo: 1, for: demand, within: .seconds(10)) }
        let last = try #require(permits.last)
        clock.advance(by: .milliseconds(500))  // all six are due
        let now = clock.timestamp
        for permit in permits.dropLast() {
            let given = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await gateway.exchange(call, with: permit, avoiding: [])
            }
            _ = await given.value
        }
        #expect(transport.requests.isEmpty)
        #expect(await gateway.exchange(call, with: last, avoiding: []).startedAt == now)
    }
}
