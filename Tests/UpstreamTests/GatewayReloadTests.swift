import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

/// Calls whose path goes another way under its id before they end: what they meet is nothing to what has taken its place.
struct GatewayReloadTests {
    private static let old = EgressPath(id: "p", route: .proxy(Secret("http://10.0.0.1:3128")))
    private static let new = EgressPath(id: "p", route: .proxy(Secret("http://10.0.0.1:3129")))
    private static let fault = Verdict.egressFault(TransportFailure(.broken, maybeSent: true, detail: ""))

    private let clock = ManualClock()
    private let told = Told()

    private final class Told: Sendable {
        let notices = Mutex<[GatewayNotice]>([])
    }

    private func gateway(_ paths: [EgressPath]) -> Gateway<ManualClock> {
        Gateway(
            configuration: GatewayConfiguration(upstream: "http://up", egress: paths),
            transport: FakeTransport { _, _ in UpstreamReply(status: 200, headers: [], body: []) },
            ledger: FakeLedger(),
            keyring: FakeKeyring([UpstreamKey(id: "k", organization: "o", secret: Secret("s"), rate: nil)]),
            clock: clock, wall: clock.wall, onNotice: { [told] notice in told.notices.withLock { $0.append(notice) } })
    }

    /// A stream, which lives until it is booked.
    private func stream(_ gateway: Gateway<ManualClock>) async throws -> StreamedExchange {
        let permit = try #require(try await gateway.permits(upTo: 1, for: CallDemand(.batch), within: .zero).first)
        let call = UpstreamCall(method: "POST", path: "/v1/messages", headers: [], body: Array("{}".utf8))
        guard case .streaming(let stream) = await gateway.open(call, with: permit, avoiding: []) else {
            throw Settled()
        }
        return stream
    }

    private struct Settled: Error {}

    private func streams(_ count: Int, _ gateway: Gateway<ManualClock>) async throws -> [StreamedExchange] {
        var opened: [StreamedExchange] = []
        for _ in 0..<count { opened.append(try await stream(gateway)) }
        return opened
    }

    private func book(_ verdict: Verdict, of streams: [StreamedExchange], _ gateway: Gateway<ManualClock>) async {
        for stream in streams { await gateway.book(verdict, of: stream, usage: nil) }
    }

    @Test func `faults of calls over the old way do not count against the new one`() async throws {
        let gateway = gateway([Self.old])
        let calls = try await streams(8, gateway)
        gateway.adopt([Self.new], preferring: [])
        await book(Self.fault, of: calls, gateway)
        #expect(gateway.status().paths.map(\.state) == [.passing] && gateway.status().inFlight == 0)
        let own = try await streams(5, gateway)
        #expect(gateway.status().paths[0].inFlight == 5)
        await book(Self.fault, of: own, gateway)
        #expect(gateway.status().paths[0].state != .passing)
    }

    @Test func `answers to calls over the old way do not speak for the new one`() async throws {
        let gateway = gateway([Self.old])
        let calls = try await streams(8, gateway)
        gateway.adopt([Self.new], preferring: [])
        let own = try await streams(5, gateway)
        await book(.success, of: calls, gateway)
        await book(Self.fault, of: own, gateway)
        #expect(gateway.status().paths[0].state != .passing)
    }

    @Test func `a region that the old way was refused for does not take the new one out`() async throws {
        let gateway = gateway([Self.old])
        let calls = try await streams(1, gateway)
        gateway.adopt([Self.new], preferring: [])
        await book(.egressRefused, of: calls, gateway)
        #expect(gateway.status().paths.map(\.state) == [.passing] && told.notices.withLock(\.isEmpty))
        await book(.egressRefused, of: try await streams(1, gateway), gateway)
        #expect(gateway.status().paths.map(\.state) == [.out(.regionRefused)])
        #expect(told.notices.withLock { $0 } == [.regionRefused(path: "p")])
    }

    @Test func `a new weight and region are no other way`() async throws {
        let gateway = gateway([Self.old])
        let calls = try await streams(5, gateway)
        gateway.adopt([EgressPath(id: "p", route: Self.old.route, region: "eu", weight: 2)], preferring: ["eu"])
        #expect(gateway.status().paths[0].inFlight == 5)
        await book(Self.fault, of: calls, gateway)
        #expect(gateway.status().paths[0].state != .passing && gateway.status().paths[0].inFlight == 0)
    }
}
