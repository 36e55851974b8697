import Domain
import Queue
import Testing
import TestSupport

struct JobTests {
    @Test
    func `a job is accepted, shown, listed and answered byte for byte`() async throws {
        try await World.run { world in
            let request =
                "{ \"model\":\"a\",\"model\":\"claude-x\",\t\"max_tokens\":1 ,\"messages\":[],\"s\":\"\\u00e9\" }"
            let body = #"{"metadata":{"k": [1,2]},"request":"# + request + #","priority":9,"run_at":null}"#
            let reply = try await world.send(
                "POST", "/v1/jobs", body, headers: [("anthropic-beta", "b1"), ("user-agent", "x")])
            let id = reply.field("id")
            #expect(reply.status == 202 && reply.headers["location"] == "/v1/jobs/\(id)")
            #expect(
                reply.field("status") == "queued" && reply.field("type") == "job" && reply.field("model") == "claude-x")
            #expect(reply.field("metadata") == #"{"k": [1,2]}"# && reply.field("priority") == "9")
            let early = try await world.send("GET", "/v1/jobs/\(id)/result")
            #expect(early.errorCode == "job_not_ended" && early.headers["retry-after"] == "1")

            let now = world.clock.timestamp
            let claim = try #require(
                await world.store.claim(limit: 1, bytes: .max, by: "w", at: now, for: .seconds(9)).first)
            #expect(claim.body == Array(request.utf8))
            #expect(
                claim.headers == [HeaderField("anthropic-version", "2023-06-01"), HeaderField("anthropic-beta", "b1")])
            let result = JobResult(
                status: 200,
                headers: [
                    HeaderField("content-type", "application/json"), HeaderField("request-id", "req_up"),
                    HeaderField("server", "x"),
                ], body: Array("{ \"a\":\"\\u0041\" }\n".utf8))
            try await world.store.settle(
                Settlement(
                    lease: claim.lease, outcome: .ended(.succeeded, result), attempt: .sample(claim.lease, at: now)))

            let shown = try await world.send("GET", "/v1/jobs/\(id)")
            #expect(shown.field("status") == "succeeded" && shown.field("result_status") == "200")
            let answer = try await world.send("GET", "/v1/jobs/\(id)/result")
            #expect(answer.body == result.body && answer.headers["request-id"] == "req_up")
            #expect(answer.headers["server"] == nil)
            let attempts = try await world.send("GET", "/v1/jobs/\(id)/attempts")
            #expect(attempts.text.contains(#""attempt":1,"verdict":"success","status":200"#))
            let again = try await world.send("POST", "/v1/jobs/\(id)/cancel")
            #expect(again.errorCode == "job_already_ended")
        }
    }

    @Test
    func `another tenant's job is unknown, except to an operator`() async throws {
        try await World.run { world in
            let id = try await world.submit()
            for target in ["", "/result", "/attempts"] {
                #expect(
                    try await world.send("GET", "/v1/jobs/\(id)\(target)", token: "other").errorCode == "job_unknown")
            }
            #expect(try await world.send("POST", "/v1/jobs/\(id)/cancel", token: "other").errorCode == "job_unknown")
            #expect(try await world.send("GET", "/v1/jobs", token: "other").field("data") == "[]")
            let operated = try await world.send("GET", "/v1/jobs?tenant=acme", token: "root:admin")
            #expect(operated.field("first_id") == id)
            #expect(try await world.send("GET", "/v1/jobs/\(id)", token: "root:admin").field("id") == id)
            #expect(try await world.send("POST", "/v1/jobs/\(id)/cancel").field("status") == "canceled")
            #expect(try await world.send("GET", "/v1/jobs/\(id)/result").field("type") == "error")
        }
    }

    @Test
    func `a repeated submission finds the first one's job`() async throws {
        try await World.run { world in
            let headers = [("idempotency-key", "k1")]
            let first = try await world.send("POST", "/v1/jobs", World.jobBody, headers: headers)
            let second = try await world.send("POST", "/v1/jobs", World.jobBody, headers: headers)
            #expect(first.status == 202 && second.status == 200)
            #expect(second.field("id") == first.field("id") && second.headers["idempotent-replayed"] == "true")
            let other = try await world.send("POST", "/v1/jobs", World.jobBody + " ", headers: headers)
            #expect(other.errorCode == "idempotency_conflict" && other.status == 409)
            let elsewhere = try await world.send("POST", "/v1/jobs", World.jobBody, token: "other", headers: headers)
            #expect(elsewhere.status == 202)
            let long = [("idempotency-key", String(repeating: "k", count: 256))]
            #expect(
                try await world.send("POST", "/v1/jobs", World.jobBody, headers: long).errorCode == "header_invalid")
        }
    }

    @Test
    func `a long poll answers when the job ends, or when its time is up`() async throws {
        try await World.run { world in
            let id = try await world.submit()
            async let waiting = world.send("GET", "/v1/jobs/\(id)?wait=30")
            await world.clock.waitForSleepers()
            world.clock.advance(by: .seconds(1))
            try await world.finishJob()
            #expect(try await waiting.field("status") == "succeeded")
            #expect(world.clock.now.offset == .seconds(1))

            let slow = try await world.submit()
            let timedOut = try await world.advancing { try await world.send("GET", "/v1/jobs/\(slow)?wait=9999") }
            #expect(timedOut.field("status") == "queued")
            #expect(world.clock.now.offset >= .seconds(61) && world.clock.now.offset < .seconds(70))
            #expect(try await world.send("GET", "/v1/jobs/\(slow)?wait=0").field("status") == "queued")
        }
    }

    @Test
    func `lists are paged and filtered`() async throws {
        try await World.run { world in
            var ids: [String] = []
            for _ in 0..<5 {
                ids.append(try await world.submit())
                world.clock.advance(by: .milliseconds(1))
            }
            let first = try await world.send("GET", "/v1/jobs?limit=2")
            #expect(first.field("first_id") == ids[4] && first.field("last_id") == ids[3])
            #expect(first.field("has_more") == "true")
            let rest = try await world.send("GET", "/v1/jobs?limit=3&after=\(ids[3])&status=queued")
            #expect(rest.field("first_id") == ids[2] && rest.field("has_more") == "false")
            #expect(try await world.send("GET", "/v1/jobs?status=succeeded").field("first_id").isEmpty)
        }
    }

    @Test
    func `webhook endpoints show their secret once`() async throws {
        try await World.run { world in
            let made = try await world.send(
                "POST", "/v1/webhooks", #"{"url":"https://a.example/hook","events":["job.errored"]}"#)
            let id = made.field("id")
            #expect(made.status == 201 && made.field("secret") == "whsec_\(id)" && id.hasPrefix("whe_"))
            #expect(made.field("events") == #"["job.errored"]"#)
            let listed = try await world.send("GET", "/v1/webhooks")
            #expect(listed.text.contains(id) && !listed.text.contains("whsec_"))
            #expect(try await world.send("GET", "/v1/webhooks", token: "other").field("data") == "[]")
            #expect(try await world.send("DELETE", "/v1/webhooks/\(id)", token: "other").errorCode == "webhook_unknown")
            #expect(try await world.send("DELETE", "/v1/webhooks/\(id)").status == 200)
            #expect(try await world.send("GET", "/v1/webhooks").field("data") == "[]")
        }
    }
}
