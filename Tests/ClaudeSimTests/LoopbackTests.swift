import Glibc
import Testing

@testable import ClaudeSim

/// The simulator as a client meets it: over a real socket.
struct LoopbackTests {
    private static let body = #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#

    private func post(_ body: String = body, adding header: String = "") -> String {
        "POST /v1/messages HTTP/1.1\r\nhost: sim\r\nx-api-key: k1\r\nanthropic-version: 2023-06-01\r\n"
            + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\(header)\r\n\(body)"
    }

    private func withServer(_ test: (SimulatorServer) async throws -> Void) async throws {
        let server = try await SimulatorServer.start(SimulatorSettings(), host: "127.0.0.1", port: 0, threads: 1)
        do {
            try await test(server)
        } catch {
            try await server.stop()
            throw error
        }
        try await server.stop()
    }

    @Test func `pipelined requests are answered in order on one connection`() async throws {
        try await withServer { server in
            let bodies = (0..<3).map {
                #"{"model":"m","max_tokens":4,"messages":[{"role":"user","content":"\#($0)"}]}"#
            }
            let socket = try PlainSocket(port: server.port)
            let last = "connection: close\r\n"
            try socket.send(
                post(bodies[0], adding: "x-sim-fault: drip\r\n") + post(bodies[1]) + post(bodies[2], adding: last))
            let answer = try socket.receive()
            let echoes = answer.split(separator: "echo:").dropFirst().map { String($0.prefix(16)) }
            #expect(echoes == bodies.map { Fingerprint(of: Array($0.utf8)).hex })
        }
    }

    @Test func `a stream comes in chunks and ends as HTTP ends`() async throws {
        try await withServer { server in
            let socket = try PlainSocket(port: server.port)
            try socket.send(post(Self.body.replacing("\"max_tokens\"", with: "\"stream\":true,\"max_tokens\"")))
            let answer = try socket.receive { $0.hasSuffix("\r\n0\r\n\r\n") }
            #expect(answer.contains("content-type: text/event-stream; charset=utf-8\r\n"))
            #expect(answer.contains("event: message_stop\n") && answer.hasSuffix("\r\n0\r\n\r\n"))
        }
    }

    @Test(arguments: ["reset", "reset-body"])
    func `a reset is a TCP reset`(fault: String) async throws {
        try await withServer { server in
            let socket = try PlainSocket(port: server.port)
            try socket.send(post(adding: "x-sim-fault: \(fault)\r\n"))
            #expect(throws: PlainSocket.Failure(number: ECONNRESET)) { try socket.receive() }
        }
    }

    @Test func `a body announced as too large is refused before it is sent`() async throws {
        try await withServer { server in
            let socket = try PlainSocket(port: server.port)
            try socket.send(
                "POST /v1/messages HTTP/1.1\r\nhost: sim\r\ncontent-length: \(Simulator.maxBodyBytes + 1)\r\n\r\nabc"
            )
            let answer = try socket.receive()
            #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("request_too_large"))
            #expect(answer.contains("connection: close\r\n"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a client that leaves a hanging request frees its place`() async throws {
        try await withServer { server in
            do {
                let socket = try PlainSocket(port: server.port)
                try socket.send(post(adding: "x-sim-fault: hang\r\n"))
                while server.simulator.report().inFlight == 0 { await Task.yield() }
            }
            while server.simulator.report().inFlight > 0 { await Task.yield() }
        }
    }
}
