import FoundationEssentials
import NIOCore
import NIOHTTP1

@testable import ClaudeSim

/// A simulator without a socket, and what a client does with it.
struct SimulatorClient {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: String
    }

    let simulator: Simulator

    init() {
        simulator = Simulator(SimulatorSettings())
    }

    init(_ change: (inout SimulatorSettings) throws -> Void) rethrows {
        var settings = SimulatorSettings()
        try change(&settings)
        simulator = Simulator(settings)
    }

    /// Calls `POST /v1/messages` and finishes at once.
    func call(
        key: String = "k1", model: String = "claude-sonnet-4-5", content: String = "hi", extra: String = "",
        headers: [(String, String)] = [], source: String? = nil
    ) -> Answer {
        let message = #"{"role":"user","content":"\#(content)"}"#
        let body = #"{"model":"\#(model)","max_tokens":4,\#(extra)"messages":[\#(message)]}"#
        return send(.POST, "/v1/messages", key: key, headers: headers, body: body, source: source)
    }

    func send(
        _ method: HTTPMethod, _ uri: String, key: String = "k1", headers: [(String, String)] = [], body: String = "",
        source: String? = nil
    ) -> Answer {
        var all: HTTPHeaders = [
            "x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json",
        ]
        for (name, value) in headers { all.replaceOrAdd(name: name, value: value) }
        let reply = simulator.reply(
            to: SimulatorRequest(method: method, uri: uri, headers: all, body: ByteBuffer(string: body), source: source)
        )
        if let scope = reply.scope { simulator.finish(scope: scope) }
        return answer(reply)
    }

    private func answer(_ reply: Reply) -> Answer {
        var (status, headers, body) = (0, HTTPHeaders(), "")
        for step in reply.steps {
            switch step {
            case .head(let code, let fields): (status, headers) = (code, fields)
            case .bytes(let bytes): body += String(buffer: bytes)
            case .wait, .end, .reset, .hang: break
            }
        }
        return Answer(status: status, headers: headers, body: body)
    }
}

extension SimulatorClient.Answer {
    /// The usage of a plain answer.
    struct Usage: Decodable, Equatable {
        let input_tokens: Int
        let cache_creation_input_tokens: Int
        let cache_read_input_tokens: Int
    }

    private struct Message: Decodable {
        let usage: Usage
    }

    var usage: Usage {
        get throws { try JSONDecoder().decode(Message.self, from: Data(body.utf8)).usage }
    }

    func limit(_ name: String) -> Int? {
        headers.first(name: "anthropic-ratelimit-\(name)").flatMap { Int($0) }
    }
}
