import NIOHTTP1
import Testing

@testable import ClaudeSim

struct TargetedFaultTests {
    private func order(_ client: SimulatorClient, _ body: String) -> Int {
        client.send(.POST, "/sim/keys", body: body).status
    }

    @Test func `one key fails on every route until it is told to be well`() {
        let client = SimulatorClient()
        #expect(order(client, #"{"key":"k1","fault":"401"}"#) == 200)
        #expect(["k1", "k2", "k1"].map { client.call(key: $0).status } == [401, 200, 401])
        #expect(["k1", "k2"].map { client.send(.GET, "/v1/models", key: $0).status } == [401, 200])
        #expect(client.simulator.report().targetedFaults.map(\.fault) == ["401"])
        #expect(client.simulator.report().keys["k1"]?.faults == ["401": 2])
        #expect(order(client, #"{"key":"k1","fault":"ok"}"#) == 200)
        #expect(client.call(key: "k1").status == 200)
    }

    @Test func `one model fails for all keys, and the narrowest target wins`() {
        let client = SimulatorClient()
        #expect(order(client, #"{"model":"claude-x","fault":"529"}"#) == 200)
        #expect(order(client, #"{"key":"k1","fault":"402"}"#) == 200)
        #expect(order(client, #"{"key":"k1","model":"claude-x","fault":"500"}"#) == 200)
        #expect(client.call(key: "k1", model: "claude-x").status == 500)
        #expect(client.call(key: "k1", model: "claude-y").status == 402)
        #expect(client.call(key: "k2", model: "claude-x").status == 529)
        #expect(client.call(key: "k2", model: "claude-y").status == 200)
        #expect(client.call(key: "k1", headers: [("x-sim-fault", "ok")]).status == 200)
    }

    @Test(arguments: ["{}", #"{"fault":"401"}"#, #"{"key":"k1","fault":"499"}"#, #"{"key":"k1"}"#])
    func `orders without a target or a known fault are refused`(body: String) {
        #expect(order(SimulatorClient(), body) == 400)
    }

    @Test func `a spend limit has its code and no retry-after`() {
        let answer = SimulatorClient().call(headers: [("x-sim-fault", "429-spend")])
        #expect(answer.status == 429 && !answer.headers.contains(name: "retry-after"))
        #expect(answer.body.contains(#""details":{"error_code":"enforced_spend_limit_reached"}"#))
    }

    @Test func `a refused source meets a region refusal everywhere, until it is taken back`() throws {
        let client = SimulatorClient { $0.refusedSources = ["127.0.0.2"] }
        #expect(["127.0.0.1", "127.0.0.2"].map { client.call(source: $0).status } == [200, 403])
        #expect(client.send(.GET, "/v1/models", source: "127.0.0.2").body.contains("Request not allowed"))
        #expect(client.send(.POST, "/sim/sources", body: #"{"refuse":[]}"#, source: "127.0.0.2").status == 200)
        #expect(client.call(source: "127.0.0.2").status == 200)
        let source = try #require(client.simulator.report().sources["127.0.0.2"])
        #expect(source.requests == 3 && source.refused == 2)
    }

    @Test func `a refused source is known by its socket`() async throws {
        var settings = SimulatorSettings()
        settings.refusedSources = ["127.0.0.1"]
        let server = try await SimulatorServer.start(settings, host: "127.0.0.1", port: 0, threads: 1)
        let socket = try PlainSocket(port: server.port)
        try socket.send("GET /v1/models HTTP/1.1\r\nhost: sim\r\nx-api-key: k\r\nconnection: close\r\n\r\n")
        #expect(try socket.receive().hasPrefix("HTTP/1.1 403 "))
        try await server.stop()
    }
}
