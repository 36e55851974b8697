import Domain
import Synchronization
import Testing

@testable import Upstream

/// Requests to receivers that anybody may name, through a proxy that the operator has configured.
@Suite(.timeLimit(.minutes(1)))
struct PinnedProxyTests {
    private let transport: CurlTransport

    init() throws {
        transport = try CurlTransport()
    }

    /// A proxy that answers in place of whom it is asked to connect to.
    private func proxy(noting heads: Heads) throws -> LoopbackServer {
        try LoopbackServer { connection in
            guard let opening = connection.readRequest() else { return }
            heads.add(opening.head)
            connection.send("HTTP/1.1 200 Connected\r\n\r\n")
            guard let request = connection.readRequest() else { return }
            heads.add(request.head)
            connection.answer(Array("through".utf8))
        }
    }

    private final class Heads: Sendable {
        private let heads = Mutex<[String]>([])
        var all: [String] { heads.withLock { $0 } }
        func add(_ head: String) { heads.withLock { $0.append(head) } }
    }

    private func path(_ proxy: LoopbackServer) -> EgressPath {
        EgressPath(id: "proxy", route: .proxy(Secret(proxy.url)))
    }

    private func request(_ url: String, policy: AddressPolicy) -> HTTPRequest {
        HTTPRequest(method: "POST", url: url, headers: [], body: Array("{}".utf8), addresses: policy)
    }

    private func loopback(ports: PortSet? = nil) throws -> AddressPolicy {
        AddressPolicy(allowed: [try #require(AddressRange(address: [127, 0, 0, 0], prefixLength: 8))], ports: ports)
    }

    @Test func `A proxy is asked for an address that was checked, never for a name`() async throws {
        let heads = Heads()
        let proxy = try proxy(noting: heads)
        let reply = try await transport.exchange(
            request("http://localhost:9/hook", policy: try loopback()), over: path(proxy), limit: 100)
        #expect(reply.body == Array("through".utf8))
        #expect(heads.all.first?.hasPrefix("CONNECT 127.0.0.1:9 HTTP/1.1\r\n") == true)
        #expect(heads.all.last?.contains("\r\nHost: localhost:9\r\n") == true, "the receiver sees its own name")
    }

    @Test(arguments: [
        "http://localhost:9/", "http://127.1:9/", "http://0x7f.1:9/", "http://2130706433:9/", "http://[::1]:9/",
        "http://[::ffff:127.0.0.1]:9/", "http://0:9/",
    ])
    func `An address that is not allowed is refused before the proxy hears of it`(_ url: String) async throws {
        let proxy = try proxy(noting: Heads())
        await #expect {
            _ = try await transport.exchange(
                request(url, policy: AddressPolicy(allowed: [])), over: path(proxy), limit: 100)
        } throws: {
            ($0 as? TransportFailure)?.kind == .addressRefused
        }
        #expect(proxy.connections == 0)
    }

    @Test(arguments: ["http://localhost:9/", "http://127.1:9/", "http://0x7f.1:9/", "http://2130706433:9/"])
    func `However it is spelt, a loopback address is refused on the direct way too`(_ url: String) async throws {
        await #expect {
            _ = try await transport.exchange(
                request(url, policy: AddressPolicy(allowed: [])), over: .direct, limit: 100)
        } throws: {
            ($0 as? TransportFailure)?.kind == .addressRefused
        }
    }

    @Test func `A port that is not allowed is refused, directly and through a proxy`() async throws {
        let receiver = try LoopbackServer { _ in }
        let proxy = try proxy(noting: Heads())
        let policy = try loopback(ports: PortSet(allowsHTTP: true))
        for path in [EgressPath.direct, path(proxy)] {
            await #expect {
                _ = try await transport.exchange(request(receiver.url, policy: policy), over: path, limit: 100)
            } throws: {
                ($0 as? TransportFailure)?.kind == .addressRefused
            }
        }
        #expect(receiver.connections == 0 && proxy.connections == 0)
    }

    @Test func `A name that does not resolve here is not left to the proxy`() async throws {
        let proxy = try proxy(noting: Heads())
        await #expect {
            _ = try await transport.exchange(
                request("http://nobody.invalid/", policy: try loopback()), over: path(proxy), limit: 100)
        } throws: {
            ($0 as? TransportFailure)?.kind == .resolve
        }
        #expect(proxy.connections == 0)
    }
}
