import API
import Domain
import Queue
import Testing
import TestSupport

struct BulkTests {
    private static let type = ("content-type", "application/x-ndjson")

    private func lines(_ reply: LoopbackClient.Reply) -> [String] {
        reply.text.split(separator: "\n").map(String.init)
    }

    @Test
    func `2,000 mixed lines arriving in odd pieces are each answered in order`() async throws {
        try await World.run { world in
            var text = ""
            for number in 1...2000 {
                text += (number % 7 == 0 ? "{bad" : World.jobBody) + (number % 3 == 0 ? "\r\n" : "\n")
            }
            let body = Array(text.utf8)
            let reply = try await LoopbackClient.connect(to: world.port) { client in
                try await client.send(
                    "POST /v1/jobs HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\ncontent-type: application/jsonl\r\n"
                        + "content-length: \(body.count)\r\n\r\n")
                var random = SeededGenerator(seed: 7)
                var rest = body[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(Int.random(in: 1...997, using: &random))
                    try await client.send(Array(piece))
                    rest = rest.dropFirst(piece.count)
                }
                return try await client.reply()
            }
            let answers = lines(reply)
            #expect(reply.status == 202 && answers.count == 2000)
            #expect(reply.headers["x-relay-accepted"] == "1715" && reply.headers["x-relay-refused"] == "285")
            for (index, answer) in answers.enumerated() {
                let number = index + 1
                let kind = number % 7 == 0 ? #","error":{"type":"invalid_request_error""# : #","id":"job_"#
                #expect(answer.hasPrefix(#"{"line":\#(number)\#(kind)"#))
            }
            #expect(try await world.store.counts(of: .sample())[.queued] == 1715)
        }
    }

    @Test
    func `a last line without its end counts, empty lines do not`() async throws {
        try await World.run { world in
            let body = "\n\(World.jobBody)\n\r\n\(World.jobBody)"
            let reply = try await world.send("POST", "/v1/jobs", body, headers: [Self.type])
            #expect(lines(reply).map { String($0.prefix(9)) } == [#"{"line":2"#, #"{"line":4"#])
        }
    }

    @Test
    func `if no line is taken the status says so`() async throws {
        try await World.run { world in
            let bad = try await world.send("POST", "/v1/jobs", "{}\n{}\n", headers: [Self.type])
            #expect(bad.status == 400 && lines(bad).count == 2)
            let empty = try await world.send("POST", "/v1/jobs", "\n\n", headers: [Self.type])
            #expect(empty.errorCode == "body_not_json")
            let keyed = try await world.send(
                "POST", "/v1/jobs", World.jobBody, headers: [Self.type, ("idempotency-key", "k")])
            #expect(keyed.errorCode == "header_invalid")
        }
    }

    @Test
    func `a batch that the queue has no room for is refused, and what still fits is taken`() async throws {
        try await World.run(maxDepth: 600) { world in
            let body = String(repeating: World.jobBody + "\n", count: 1100)
            let reply = try await world.send("POST", "/v1/jobs", body, headers: [Self.type])
            let accepted = try #require(reply.headers["x-relay-accepted"].flatMap { Int($0) })
            // How the lines fall into batches depends on the store's pace; a batch is taken whole or not at all.
            #expect(reply.status == 202 && (1...600).contains(accepted))
            #expect(lines(reply).count { $0.contains("queue_full") } == 1100 - accepted)
            #expect(lines(reply).count { $0.contains(#""status":"queued""#) } == accepted)
            for _ in accepted..<600 {
                #expect(
                    try await world.send("POST", "/v1/jobs", World.jobBody + "\n", headers: [Self.type]).status == 202)
            }
            let full = try await world.send("POST", "/v1/jobs", World.jobBody + "\n", headers: [Self.type])
            #expect(full.status == 503 && full.headers["x-relay-refused"] == "1")
            #expect(full.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
        }
    }

    @Test
    func `lines past a limit are refused, the others taken`() async throws {
        try await World.run(configure: {
            $0.limits.bulkLineLimit = 3
            $0.limits.bodyLimit = 200
        }) { world in
            let long =
                #"{"request":{"model":""# + String(repeating: "m", count: 300) + #"","max_tokens":1,"messages":[]}}"#
            let body = [World.jobBody, long, World.jobBody, World.jobBody, World.jobBody].joined(separator: "\n")
            let reply = try await world.send("POST", "/v1/jobs", body, headers: [Self.type])
            let answers = lines(reply)
            #expect(reply.headers["x-relay-accepted"] == "2" && answers.count == 4)
            #expect(answers[1].contains("body_too_large") && answers[3].contains("bulk_too_large"))
        }
    }
}
