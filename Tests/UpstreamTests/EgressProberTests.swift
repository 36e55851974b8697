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
        gateway(paths, over: FakeTransport(script))
    }

    private func gateway(_ paths: [EgressPath], over transport: any Transport) -> Gateway<ManualClock> {
        let key = UpstreamKey(id: "k", organization: "o", secret: Secret("s"), rate: nil)
        return Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: paths), transport: transport,
            ledger: FakeLedger(), keyring: FakeKeyring([key]), clock: clock, wall: clock.wall)
    }

    private func call(_ gateway: Gateway<ManualClock>) async throws {
        let permit = try #require(try await gateway.permits(upTo: 1, for: CallDemand(.batch), within: .zero).first)
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: Array("{}".utf8))
        _ = await gateway.exchange(call, with: permit, avoiding: [])
    }

    /// Lets the prober look once a second, and its probes end.
    private func pass(_ seconds: Int, _ prober: EgressProber<ManualClock>) async {
        for _ in 0..<seconds {
            await clock.waitForSleepers()
            while !prober.underWay.isEmpty { await Task.yield() }
            clock.advance(by: .seconds(1))
        }
        await clock.waitForSleepers()
        while !prober.underWay.isEmpty { await Task.yield() }
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
        await pass(3 * 3600, prober)
        #expect((2...4).contains(probes.withLock { $0.count }))
        let before = probes.withLock { $0.count }
        gateway.state.withLock { state in
            for _ in 0..<5 { state.egress.faulted("p", at: clock.timestamp) }
        }
        await pass(17, prober)
        #expect(probes.withLock { $0.count } == before + 1)
        #expect(gateway.status().paths[0].state == .probing)
        task.cancel()
        await task.value
    }

    @Test func `a path that has failed a call is asked at once, and every quarter of a minute until it answers`()
        async throws
    {
        let probes = Mutex(0), isDead = Mutex(true)
        let gateway = gateway([EgressPath(id: "p", route: .source("p"))]) { (_, _) throws(TransportFailure) in
            probes.withLock { $0 += 1 }
            if isDead.withLock({ $0 }) { throw TransportFailure(.connect, maybeSent: false, detail: "dead") }
            return UpstreamReply(status: 401, headers: [], body: [])
        }
        let prober = EgressProber(gateway: gateway, interval: .seconds(3600), timeout: .seconds(1))
        let task = Task {
            var random = SeededGenerator(seed: 5)
            await prober.run(using: &random)
        }
        await pass(1, prober)
        gateway.state.withLock { $0.egress.faulted("p", at: clock.timestamp) }
        await pass(32, prober)
        #expect(probes.withLock { $0 } == 3)
        isDead.withLock { $0 = false }
        await pass(60, prober)
        #expect(probes.withLock { $0 } == 4)
        #expect(gateway.status().paths[0].state == .passing)
        task.cancel()
        await task.value
    }

    @Test func `paths that do not answer delay no other, and sixteen are asked at a time`() async throws {
        let asked = Mutex<[String]>([])
        let answer = Gate()
        let paths = (0..<40).map { EgressPath(id: "dead \($0)", route: .source("d\($0)")) }
        let live = EgressPath(id: "live", route: .source("live"))
        let transport = SilentTransport { path in
            asked.withLock { $0.append(path.id) }
            if path.id != "live" { await answer.wait() }
        }
        let gateway = gateway(paths + [live], over: transport)
        let prober = EgressProber(gateway: gateway, interval: .zero, timeout: .seconds(1), keepWarm: .seconds(240))
        // All are due from the start: none was ever used.
        let task = Task {
            var random = SeededGenerator(seed: 5)
            await prober.run(using: &random)
        }
        defer { answer.open() }
        func asks(_ count: Int) async {
            while asked.withLock({ $0.count }) < count { await Task.yield() }
        }
        await asks(16)
        for _ in 0..<3 {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        await clock.waitForSleepers()
        #expect(asked.withLock { $0.count } == 16 && prober.underWay.count == 16)
        answer.open()
        while asked.withLock({ Set($0).count }) < 41 {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        #expect(asked.withLock { $0.count } == 41, "none twice before the others")
        task.cancel()
        await task.value
    }

    @Test func `one dead path keeps nobody from being asked`() async throws {
        let asked = Mutex<[String: Int]>([:])
        let answer = Gate()
        let (dead, live) = (EgressPath(id: "dead", route: .source("d")), EgressPath(id: "live", route: .source("l")))
        let transport = SilentTransport { path in
            asked.withLock { $0[path.id, default: 0] += 1 }
            if path.id == "dead" { await answer.wait() }
        }
        let gateway = gateway([dead, live], over: transport)
        let prober = EgressProber(gateway: gateway, interval: .seconds(60), timeout: .seconds(1))
        let task = Task {
            var random = SeededGenerator(seed: 5)
            await prober.run(using: &random)
        }
        defer { answer.open() }
        while asked.withLock({ $0["live"] ?? 0 }) < 5 {
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
        #expect(asked.withLock { $0["dead"] } == 1, "it is still being asked")
        task.cancel()
        answer.open()
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
            await pass(seconds, prober)
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
