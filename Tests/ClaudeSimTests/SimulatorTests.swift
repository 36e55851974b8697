import FoundationEssentials
import NIOCore
import NIOHTTP1
import Testing

@testable import ClaudeSim

/// `GET /sim/stats` as its readers see it.
private struct WrittenStatistics: Decodable {
    struct Key: Decodable, Equatable {
        let requests: Int
        let executed: Int
        let statuses: [String: Int]
        let faults: [String: Int]
        let peak_1s: Int
        let peak_accepted_1s: Int
    }

    struct Executions: Decodable, Equatable {
        let bodies: Int
        let max: Int
        let histogram: [String: Int]
        let tracked_limit: Int
    }

    let uptime_seconds: Double
    let requests: Int
    let keys: [String: Key]
    let executions: Executions
}

struct SimulatorTests {
    private static let headers: HTTPHeaders = [
        "x-api-key": "k1", "anthropic-version": "2023-06-01", "content-type": "application/json",
    ]

    private func request(
        _ method: HTTPMethod, _ uri: String, headers: HTTPHeaders = headers, adding: [(String, String)] = [],
        body: String = #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#
    ) -> SimulatorRequest {
        var headers = headers
        for (name, value) in adding { headers.replaceOrAdd(name: name, value: value) }
        return SimulatorRequest(method: method, uri: uri, headers: headers, body: ByteBuffer(string: body))
    }

    private func answer(_ reply: Reply) throws -> (status: Int, headers: HTTPHeaders, body: String) {
        guard case .head(let status, let headers) = try #require(reply.steps.first) else {
            throw SettingError("The reply begins with \(reply.steps.first.debugDescription).")
        }
        let body = reply.steps.reduce(into: "") { text, step in
            if case .bytes(let bytes) = step { text += String(buffer: bytes) }
        }
        return (status, headers, body)
    }

    @Test func `both credential styles are taken, the query is ignored, and none is 401`() throws {
        let simulator = Simulator(SimulatorSettings())
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages?beta=true"))).status == 200)
        var bearer = Self.headers
        bearer.remove(name: "x-api-key")
        let anonymous = try answer(simulator.reply(to: request(.POST, "/v1/messages", headers: bearer)))
        #expect(anonymous.status == 401 && anonymous.body.contains("authentication_error"))
        bearer.add(name: "Authorization", value: "bearer k2")
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages", headers: bearer))).status == 200)
    }

    @Test func `with a list of keys only those are taken`() throws {
        var settings = SimulatorSettings()
        settings.keys = ["k1"]
        let simulator = Simulator(settings)
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages"))).status == 200)
        let other = request(.POST, "/v1/messages", adding: [("x-api-key", "k2")])
        #expect(try answer(simulator.reply(to: other)).status == 401)
    }

    @Test func `a missing version or type and sampling in the new version are 400`() throws {
        let simulator = Simulator(SimulatorSettings())
        let sampling = #"{"model":"m","max_tokens":4,"top_p":1,"messages":[{"role":"user","content":"hi"}]}"#
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages", body: sampling))).status == 200)
        for (name, value) in [
            ("anthropic-version", ""), ("content-type", "text/plain"), ("anthropic-version", "2026-10-21"),
        ] {
            let refused = request(.POST, "/v1/messages", adding: [(name, value)], body: sampling)
            #expect(try answer(simulator.reply(to: refused)).status == 400, "\(name): \(value)")
        }
    }

    @Test(arguments: [
        (HTTPMethod.GET, "/v1/messages", 405), (.DELETE, "/v1/models", 405), (.GET, "/api/hello", 405),
        (.GET, "/v1/nothing", 404), (.GET, "/", 404), (.GET, "/v1/models/nobody", 404), (.HEAD, "/api/hello", 200),
        (.GET, "/v1/models?limit=0", 400), (.GET, "/sim/nothing", 404),
    ])
    func `routes answer with their status and a request id`(method: HTTPMethod, uri: String, status: Int) throws {
        let answer = try answer(Simulator(SimulatorSettings()).reply(to: request(method, uri)))
        let id = try #require(answer.headers.first(name: "request-id"))
        #expect(answer.status == status)
        #expect(status == 200 || answer.body.contains(#""request_id":"\#(id)""#))
    }

    @Test func `over the limit is 429 with the headers, and is not executed`() throws {
        var settings = SimulatorSettings()
        settings.limits = try Limits(rps: 0.01, burst: 2, concurrency: nil)
        let simulator = Simulator(settings)
        let answers = try (0..<3).map { _ in try answer(simulator.reply(to: request(.POST, "/v1/messages"))) }
        #expect(answers.map(\.status) == [200, 200, 429])
        #expect(answers.map { $0.headers.first(name: "anthropic-ratelimit-requests-remaining") } == ["1", "0", "0"])
        let wait = try #require(answers[2].headers.first(name: "retry-after").flatMap { Int($0) })
        #expect((90...100).contains(wait))
        let key = try #require(simulator.report().keys["k1"])
        #expect(key.requests == 3 && key.executed == 2 && key.overLimit == 1)
        #expect(key.peak == 3 && key.peakAccepted == 2)
    }

    @Test func `requests in flight are limited until they finish`() throws {
        var settings = SimulatorSettings()
        settings.limits = try Limits(rps: nil, burst: nil, concurrency: 1)
        let simulator = Simulator(settings)
        let first = simulator.reply(to: request(.POST, "/v1/messages"))
        let second = try answer(simulator.reply(to: request(.POST, "/v1/messages")))
        #expect(second.status == 429 && second.headers.first(name: "retry-after") == "1")
        simulator.finish(scope: try #require(first.scope))
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages"))).status == 200)
    }

    @Test(arguments: ["true", "false"])
    func `equal bodies get equal answers, byte for byte, and others do not`(isStream: String) throws {
        let simulator = Simulator(SimulatorSettings())
        func answer(_ content: Int) throws -> String {
            let messages = #"[{"role":"user","content":"\#(content)"}]"#
            let body = #"{"model":"m","max_tokens":4,"stream":\#(isStream),"messages":\#(messages)}"#
            return try self.answer(simulator.reply(to: request(.POST, "/v1/messages", body: body))).body
        }
        #expect(try answer(1) == answer(1))
        #expect(try answer(1) != answer(2))
    }

    @Test func `statistics are written as documented`() throws {
        let simulator = Simulator(SimulatorSettings())
        for fault in ["529", "ok", "ok"] {
            _ = simulator.reply(to: request(.POST, "/v1/messages", adding: [("x-sim-fault", fault)]))
        }
        let text = try answer(simulator.reply(to: request(.GET, "/sim/stats"))).body
        let written = try JSONDecoder().decode(WrittenStatistics.self, from: Data(text.utf8))
        let key = WrittenStatistics.Key(
            requests: 3, executed: 2, statuses: ["200": 2, "529": 1], faults: ["529": 1], peak_1s: 3,
            peak_accepted_1s: 3
        )
        #expect(written.requests == 3 && written.keys == ["k1": key] && written.uptime_seconds >= 0)
        #expect(written.executions == .init(bodies: 1, max: 2, histogram: ["2": 1], tracked_limit: 2_000_000))
    }

    @Test func `a script follows the body, and executions are counted for each`() throws {
        let simulator = Simulator(SimulatorSettings())
        let scripted = request(.POST, "/v1/messages", adding: [("x-sim-script", "500,truncated-json,ok")])
        let statuses = try (0..<4).map { _ in try answer(simulator.reply(to: scripted)).status }
        #expect(statuses == [500, 200, 200, 200])
        let hex = Fingerprint(of: Array(scripted.body.readableBytesView)).hex
        let counted = try answer(simulator.reply(to: request(.GET, "/sim/executions?fingerprint=\(hex)"))).body
        #expect(counted.contains(#""attempts" : 4"#) && counted.contains(#""executions" : 3"#))
        #expect(simulator.report().executions.histogram == ["3": 1])
        #expect(simulator.report().keys["k1"]?.faults == ["500": 1, "truncated-json": 1])
    }

    @Test func `faults, limits and counters change while it runs`() throws {
        let simulator = Simulator(SimulatorSettings())
        #expect(try answer(simulator.reply(to: request(.POST, "/sim/faults", body: #"{"529":1}"#))).status == 200)
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages"))).status == 529)
        for body in [#"{"529":2}"#, #"{"nope":0.1}"#, "[]", ""] {
            #expect(try answer(simulator.reply(to: request(.POST, "/sim/faults", body: body))).status == 400)
        }
        #expect(try answer(simulator.reply(to: request(.POST, "/v1/messages"))).status == 529)
        _ = simulator.reply(to: request(.POST, "/sim/faults", body: "{}"))
        _ = simulator.reply(to: request(.POST, "/sim/limits", body: #"{"rps":0.01,"burst":1}"#))
        let statuses = try (0..<2).map { _ in try answer(simulator.reply(to: request(.POST, "/v1/messages"))).status }
        #expect(statuses == [200, 429])
        _ = simulator.reply(to: request(.POST, "/sim/reset", body: ""))
        let report = simulator.report()
        #expect(report.requests == 0 && report.keys.isEmpty && report.executions.bodies == 0)
    }

    @Test func `chance is the same whatever the order of arrival`() throws {
        var settings = SimulatorSettings()
        settings.faults = try FaultPlan(arguments: ["500=0.5"])
        let bodies = (0..<50).map {
            #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"\#($0)"}]}"#
        }
        func outcomes(_ order: [String]) throws -> [String: Int] {
            let simulator = Simulator(settings)
            return try order.reduce(into: [:]) { outcomes, body in
                outcomes[body] = try answer(simulator.reply(to: request(.POST, "/v1/messages", body: body))).status
            }
        }
        let forward = try outcomes(bodies)
        #expect(Set(forward.values) == [200, 500])
        #expect(try outcomes(bodies.reversed()) == forward)
    }

    @Test func `memory of bodies is bounded and says what it left out`() throws {
        var table = ExecutionTable(capacity: 2)
        let bodies = (0..<3).map { Fingerprint(of: [$0]) }
        for body in bodies + bodies {
            _ = table.recordAttempt(of: body)
            table.recordExecution(of: body)
        }
        #expect(table.distinctExecuted == 2 && table.untracked == 2)
        #expect(table.histogram == [2: 2] && table.maxExecutions == 2)
        #expect(table.counts(of: bodies[2]) == nil)
    }

    @Test(arguments: [
        ("", "4 3 2 1", false), ("limit=2", "4 3", true), ("limit=2&after_id=claude-sim-3", "2 1", false),
        ("limit=2&before_id=claude-sim-1", "3 2", true), ("before_id=claude-sim-3", "4", false),
        ("after_id=claude-sim-1", "", false),
    ])
    func `models are paged newest first in both directions`(query: String, ids: String, hasMore: Bool) throws {
        let page = try ModelCatalog.standard.page(query: request(.GET, "/v1/models?\(query)").query)
        #expect(page.models.map { String($0.id.suffix(1)) }.joined(separator: " ") == ids)
        #expect(page.hasMore == hasMore)
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (1_795_448_099, "2026-11-23T15:34:59Z"),
        (-1, "1969-12-31T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    ])
    func `reset times are RFC 3339`(seconds: Int64, text: String) {
        #expect(TimestampText.rfc3339(seconds: seconds) == text)
    }

    @Test func `a key as long as a real one is not shown`() {
        let key = "sk-ant-api03-" + String(repeating: "s", count: 80)
        #expect(KeyLabel.text(for: "test-key-1") == "test-key-1")
        #expect(!KeyLabel.text(for: key).contains("sss"))
        #expect(KeyLabel.text(for: key) != KeyLabel.text(for: key + "s"))
    }
}
