import Domain
import Synchronization
import TestSupport
import Testing

@testable import Upstream

// MARK: Who is to blame

extension GatewayScopeTests {
    @Test func `requests for what the only key may not do take it from nobody`() async throws {
        let told = Mutex<[GatewayNotice]>([])
        let gateway = gateway([Self.key("k", "o")], onNotice: { notice in told.withLock { $0.append(notice) } }) {
            request, _ in
            let isOpus = String(decoding: request.body ?? [], as: UTF8.self).contains("opus")
            return isOpus ? Self.error(403, "permission_error") : Self.ok()
        }
        for _ in 0..<9 { #expect(try await send(gateway, Self.opus).verdict == .permissionRefused) }
        #expect(try await send(gateway, Self.sonnet).verdict == .success)
        #expect(gateway.status().keys.map(\.outage) == [nil])
        let models = ModelClass(model: Self.opus)
        #expect(told.withLock { $0 } == [.keySetAside("k", models, until: clock.timestamp.advanced(by: .seconds(30)))])
    }

    /// What stands at a path's entry answers by itself, in its own words.
    @Test(arguments: [502, 429, 403, 401, 529, 302])
    func `a path over which something else answers is out of use, and no key or scope is blamed`(_ status: Int)
        async throws
    {
        let keys = (0..<10).map { Self.key("k\($0)", "o\($0)") }
        let paths = ["left", "right"].map { EgressPath(id: $0, route: .entry("\($0):443")) }
        let told = Mutex<[GatewayNotice]>([])
        let gateway = gateway(keys, paths: paths, onNotice: { notice in told.withLock { $0.append(notice) } }) {
            _, path in
            path.id == "left"
                ? UpstreamReply(status: status, headers: [], body: Array("<html>".utf8))
                : Self.ok([HeaderField("request-id", "req_1")])
        }
        var suspects: Set<String?> = []
        for _ in 0..<60 {
            clock.advance(by: .milliseconds(300))
            suspects.insert(try await send(gateway, Self.sonnet).suspectedEgress)
        }
        #expect(suspects == ["left", nil] && told.withLock { $0 } == [])
        let standings = gateway.status()
        #expect(standings.paths.map { $0.state == .passing } == [false, true])
        #expect(standings.keys.allSatisfy { $0.outage == nil })

        let probe = EgressProber(gateway: gateway, interval: .seconds(3600), timeout: .seconds(1))
        let finding = await probe.probe(paths[0])
        await gateway.book(finding, of: paths[0])
        #expect(finding == .foreign(status: status))
        #expect(gateway.status().paths.map(\.state) == standings.paths.map(\.state), "that is no answer")
    }

    /// One factor fails at a time; the others must be as if nothing had happened.
    @Test(arguments: ["key", "path", "model", "provider"])
    func `only the guilty factor is put out of use`(_ guilty: String) async throws {
        let keys = ["good", "bad"].map { Self.key($0, $0) }
        let paths = ["left", "right"].map { EgressPath(id: $0, route: .source($0)) }
        let gateway = gateway(keys, paths: paths) { (request, path) throws(TransportFailure) in
            let isSonnet = String(decoding: request.body ?? [], as: UTF8.self).contains("sonnet")
            switch guilty {
            case "key" where request.headers.first("x-api-key") == "bad": return Self.error(401, "authentication_error")
            case "path" where path.id == "left":
                throw TransportFailure(.connect, maybeSent: false, detail: "refused")
            case "model" where isSonnet: return Self.error(404, "not_found_error")
            case "provider": return Self.error(529, "overloaded_error")
            default: return Self.ok()
            }
        }
        for round in 0..<60 {
            clock.advance(by: .milliseconds(300))
            let demand = CallDemand(.batch, model: round % 2 == 0 ? Self.sonnet : Self.opus)
            guard let permit = try? await gateway.permits(upTo: 1, for: demand, within: .zero).first else { continue }
            _ = await gateway.exchange(call(demand.model ?? ""), with: permit, avoiding: [])
        }
        let status = gateway.status()
        let keysOut = status.keys.filter { $0.outage != nil }.map(\.id)
        let pathsOut = status.paths.filter { $0.state != .passing }.map(\.id)
        #expect(keysOut == (guilty == "key" ? ["bad"] : []))
        #expect(pathsOut == (guilty == "path" ? ["left"] : []))
        #expect((status.overloadedUntil != nil) == (guilty == "provider"))
        #expect(status.inFlight == 0 && status.paths.allSatisfy { $0.inFlight == 0 })
    }
}
