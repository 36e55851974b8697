import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

@Suite(.timeLimit(.minutes(1)))
struct EgressProberTests {
    private let clock = ManualClock()

    private func gateway(
        _ paths: [EgressPath], _ script: @escaping FakeTransport.Script
    ) -> Gateway<ManualClock> {
        let key = UpstreamKey(id: "k", organization: "o", secret: Secret("s"), rate: nil)
        return Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: paths), transport: FakeTransport(script),
            ledger: FakeLedger(), keyring: FakeKeyring([key]), clock: clock, wall: clock.wall)
    }

    private func call(_ gateway: Gateway<ManualClock>) async throws {
        let permit = try #require(try await gateway.permits(upTo: 1, for: CallDemand(.batch), within: .zero).first)
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: Array("{}".utf8))
        _ = await gateway.exchange(call, with: permit, avoiding: [])
    }

    /// Lets the prober look once a second.
    private func pass(_ seconds: Int) async {
        for _ in 0..<seconds {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        await clock.waitForSleepers()
    }

    @Test func `paths are probed hourly, and soon after they were tripped, without a credential`() async throws {
        let probes = Mutex<[(path: String, at: Timestamp)]>([])
        let path = EgressPath(id: "p", route: .source("p"))
        let gateway = gateway([path]) { request, path in
            #expect(request.method == "GET" && request.headers.first("x-api-key") == nil)
            probes.withLock { $0.append((path.id, clock.timestamp)) }
            return UpstreamReply(status: 401, headers: [], body: [])
        }
        let prober = EgressProber(gateway: gateway, interval: .seconds(3600), timeout: .seconds(1))
        let task = Task {
            var random = SeededGenerator(seed: 5)
            await prober.run(using: &random)
        }
        await pass(3 * 3600)
        #expect((2...4).contains(probes.withLock { $0.count }))
        let before = probes.withLock { $0.count }
        gateway.state.withLock { state in
            for _ in 0..<5 { state.egress.faulted("p", at: clock.timestamp) }
        }
        await pass(17)
        #expect(probes.withLock { $0.count } == before + 1)
        #expect(gateway.status().paths[0].state == .probing)
        task.cancel()
        await task.value
    }

    @Test func `a path in use is kept warm for an hour after its last call`() async throws {
        let probes = Mutex(0)
        let gateway = gateway([.direct]) { request, _ in
            if request.method == "GET" { probes.withLock { $0 += 1 } }
            return UpstreamReply(status: 200, headers: [], body: [])
        }
        let prober = EgressProber(
            gateway: gateway, interval: .zero, timeout: .seconds(1), keepWarm: .seconds(240))
        let task = Task {
            var random = SeededGenerator(seed: 5)
            await prober.run(using: &random)
        }
        func count(in seconds: Int) async -> Int {
            let before = probes.withLock { $0 }
            await pass(seconds)
            return probes.withLock { $0 } - before
        }
        #expect(await count(in: 2000) == 1, "once after the start")
        try await call(gateway)
        #expect(await count(in: 200) == 0)
        #expect(await count(in: 100) == 1)
        #expect((13...14).contains(await count(in: 4000)), "every four minutes, to the end of the hour")
        #expect(await count(in: 2000) == 0)
        task.cancel()
        await task.value
    }
}
