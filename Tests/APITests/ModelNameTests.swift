import API
import Domain
import Queue
import TestSupport
import Testing

/// A model's name is kept with every job and its usage, so how long it may be is checked wherever one comes in.
struct ModelNameTests {
    private func body(_ length: Int) -> String {
        #"{"model":"\#(String(repeating: "m", count: length))","max_tokens":16,"messages":[]}"#
    }

    private func job(_ length: Int) -> String { #"{"request":\#(body(length))}"# }

    @Test func `calls with a longer name are refused, and nothing is sent`() async throws {
        try await World.run { world in
            var limits = TenantLimits()
            limits.models = ModelAllowance(text: "m*")
            try await world.store.setLimits(limits, of: .sample(), at: world.clock.timestamp)
            try await world.tenants.synchronize()
            for path in ["/v1/messages", "/v1/messages/count_tokens"] {
                let refused = try await world.send("POST", path, body(257))
                #expect(refused.status == 400 && refused.errorCode == "field_invalid", "\(path)")
                #expect(refused.text.contains("256 bytes") && refused.text.utf8.count < 600)
                world.gateway.script { _ in .reply(200, "{}") }
                #expect(try await world.send("POST", path, body(256)).status == 200)
            }
            #expect(world.gateway.record.calls.count == 2)
        }
    }

    @Test func `jobs and lines with a longer name are refused`() async throws {
        try await World.run { world in
            #expect(try await world.send("POST", "/v1/jobs", job(257)).errorCode == "field_invalid")
            #expect(try await world.send("POST", "/v1/jobs", job(256)).status == 202)
            let lines = try await world.send(
                "POST", "/v1/jobs", "\(job(257))\n\(job(256))\n", headers: [("content-type", "application/x-ndjson")])
            #expect(lines.headers["x-relay-accepted"] == "1" && lines.headers["x-relay-refused"] == "1")
            #expect(lines.text.contains("The field request.model is"))
            #expect(try await world.store.counts(of: .sample())[.queued] == 2)
        }
    }

    @Test func `a batch's request with a longer name has that as its result, and the others run`() async throws {
        try await World.run { world in
            func request(_ name: String, _ length: Int) -> String {
                #"{"custom_id":"\#(name)","params":\#(body(length))}"#
            }
            let batch = #"{"requests":[\#(request("long", 257)),\#(request("good", 256))]}"#
            let id = try await world.send("POST", "/v1/messages/batches", batch).field("id")
            let now = world.clock.timestamp
            while try await world.store.advanceBatches(limit: 10, abandonedBefore: now, at: now) > 0 {}
            try await world.finishJob()
            let results = try await world.send("GET", "/v1/messages/batches/\(id)/results").text
            let lines = results.split(separator: "\n")
            #expect(lines.count == 2)
            let refused = try #require(lines.first { $0.contains(#""custom_id":"long""#) })
            #expect(refused.contains(#""errored""#) && refused.contains("The field params.model is"))
            #expect(lines.contains { $0.contains(#""custom_id":"good""#) && $0.contains(#""succeeded""#) })
            #expect(try await world.send("GET", "/v1/jobs").text.contains(String(repeating: "m", count: 257)) == false)
        }
    }
}
