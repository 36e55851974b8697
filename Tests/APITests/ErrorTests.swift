import Domain
import Testing

struct ErrorTests {
    @Test(arguments: ["*@evil.example/v1/messages", "*"])
    func `a target that is no path of ours is refused and sent nowhere`(target: String) async throws {
        try await World.run { world in
            let body = #"{"model":"m","max_tokens":1,"messages":[]}"#
            let reply = try await world.send("POST", target, body)
            #expect(reply.status == 404 || reply.status == 400)
            #expect(world.gateway.record.calls.isEmpty)
        }
    }

    @Test(
        arguments: [
            ("POST", "/v1/jobs", "[]", "body_not_json"), ("POST", "/v1/jobs", "{", "body_not_json"),
            ("POST", "/v1/jobs", "", "body_not_json"), ("POST", "/v1/jobs", "{}", "field_missing"),
            ("POST", "/v1/jobs", #"{"request":{"messages":[],"max_tokens":1}}"#, "field_missing"),
            ("POST", "/v1/jobs", #"{"request":{"model":"m","max_tokens":1}}"#, "field_missing"),
            ("POST", "/v1/jobs", #"{"request":{"model":"m","messages":[]}}"#, "field_missing"),
            ("POST", "/v1/jobs", #"{"request":{"model":"","messages":[],"max_tokens":1}}"#, "field_invalid"),
            ("POST", "/v1/jobs", #"{"request":{"model":"m","messages":{},"max_tokens":1}}"#, "field_invalid"),
            ("POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":0}}"#, "field_invalid"),
            (
                "POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1,"stream":true}}"#,
                "field_invalid"
            ),
            ("POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1},"x":1}"#, "field_invalid"),
            (
                "POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1},"priority":10}"#,
                "field_invalid"
            ),
            (
                "POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1},"run_at":"now"}"#,
                "field_invalid"
            ),
            (
                "POST", "/v1/jobs",
                #"{"request":{"model":"m","messages":[],"max_tokens":1},"deadline":"2025-01-01T00:00:00Z"}"#,
                "field_invalid"
            ),
            (
                "POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1},"metadata":[]}"#,
                "field_invalid"
            ),
            (
                "POST", "/v1/jobs",
                #"{"request":{"model":"m","messages":[],"max_tokens":1},"webhook":"http://a.example/"}"#,
                "webhook_refused"
            ),
            (
                "POST", "/v1/jobs",
                #"{"request":{"model":"m","messages":[],"max_tokens":1},"webhook":"https://u:p@a.example/"}"#,
                "webhook_refused"
            ),
            (
                "POST", "/v1/jobs", #"{"request":{"model":"m","messages":[],"max_tokens":1},"webhook":"whe_none"}"#,
                "webhook_unknown"
            ),
            ("POST", "/v1/messages", "{}", "field_missing"), ("POST", "/v1/messages", "nope", "body_not_json"),
            ("POST", "/v1/webhooks", #"{"url":"ftp://a.example"}"#, "webhook_refused"),
            ("POST", "/v1/webhooks", #"{"url":"https://a.example","events":["x"]}"#, "field_invalid"),
            ("POST", "/v1/webhooks", "{}", "field_missing"),
            ("GET", "/v1/jobs?limit=0", nil, "query_invalid"), ("GET", "/v1/jobs?limit=x", nil, "query_invalid"),
            ("GET", "/v1/jobs?status=done", nil, "query_invalid"), ("GET", "/v1/jobs?after=1", nil, "query_invalid"),
            ("GET", "/v1/jobs?tenant=other", nil, "scope_missing"),
            ("GET", "/v1/jobs/job_00000000000000000000000000?wait=x", nil, "query_invalid"),
            ("GET", "/v1/jobs/job_00000000000000000000000000", nil, "job_unknown"),
            ("GET", "/v1/jobs/nonsense", nil, "job_unknown"), ("GET", "/v1/jobs/nonsense/result", nil, "job_unknown"),
            ("POST", "/v1/jobs/job_00000000000000000000000000/cancel", nil, "job_unknown"),
            ("DELETE", "/v1/webhooks/whe_none", nil, "webhook_unknown"),
            ("GET", "/nowhere", nil, "route_unknown"), ("GET", "/v1/jobs/", nil, "route_unknown"),
            ("GET", "/v1//jobs", nil, "route_unknown"), ("PUT", "/v1/jobs", "{}", "method_not_allowed"),
            ("OPTIONS", "/v1/messages", nil, "method_not_allowed"), ("DELETE", "/v1/jobs", nil, "method_not_allowed"),
        ] as [(String, String, String?, String)])
    func `what cannot be done is refused with its code`(
        _ method: String, _ target: String, _ body: String?, _ code: String
    ) async throws {
        try await World.run { world in
            let reply = try await world.send(method, target, body)
            #expect(reply.errorCode == code, "\(reply.status) \(reply.text)")
        }
    }

    @Test
    func `a wrong method names the right ones, and a HEAD has no body`() async throws {
        try await World.run { world in
            let reply = try await world.send("PATCH", "/v1/jobs", "{}")
            #expect(reply.headers["allow"] == "GET, POST, HEAD")
            try await LoopbackClient.connect(to: world.port) { client in
                let head = try await client.request("HEAD", "/healthz")
                #expect(head.status == 200 && head.headers["content-length"] == "18")
                #expect(try await client.request("GET", "/healthz").text == #"{"status":"alive"}"#)
                #expect(try await client.request("HEAD", "/api/hello").status == 200)
                #expect(try await client.request("GET", "/healthz").status == 200)
            }
        }
    }

    @Test(
        arguments: [
            ([], "token_missing"), ([("x-api-key", "")], "token_missing"),
            ([("authorization", "Basic acme")], "token_missing"), ([("x-api-key", "bad")], "token_invalid"),
            ([("authorization", "Bearer expired")], "token_invalid"),
            ([("x-api-key", "bad"), ("x-api-key", "acme")], "header_invalid"),
            ([("x-api-key", "acme"), ("x-api-key", "acme")], nil),
            ([("authorization", "Bearer acme"), ("authorization", "Bearer bad")], "header_invalid"),
            ([("x-api-key", "acme:messages")], "scope_missing"),
            ([("authorization", "bearer acme")], nil), ([("x-api-key", "acme")], nil),
            ([("x-api-key", "acme"), ("authorization", "Bearer bad")], nil),
            ([("x-api-key", "bad"), ("authorization", "Bearer acme")], nil), ([("x-api-key", "acme:admin")], nil),
        ] as [([(String, String)], String?)])
    func `a credential is taken from either header, and from whichever of both is good`(
        _ headers: [(String, String)], _ code: String?
    ) async throws {
        try await World.run { world in
            let reply = try await world.send("GET", "/v1/jobs", token: nil, headers: headers)
            #expect(reply.errorCode == code && (code != nil || reply.status == 200))
        }
    }

    @Test
    func `a body of 33 MB is refused, announced or not, and the client gets to read why`() async throws {
        try await World.run { world in
            let body = [UInt8](repeating: 0x20, count: 33 * 1024 * 1024)
            for target in ["/v1/messages", "/v1/jobs"] {
                let reply = try await world.send("POST", target, bytes: body)
                #expect(reply.errorCode == "body_too_large")
            }
            try await LoopbackClient.connect(to: world.port) { client in
                try await client.send(
                    "POST /v1/messages HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\ntransfer-encoding: chunked\r\n\r\n")
                try await client.send(Array("\(String(body.count, radix: 16))\r\n".utf8) + body)
                try await client.send("\r\n0\r\n\r\n")
                #expect(try await client.reply().errorCode == "body_too_large")
                #expect(try await client.request("GET", "/healthz").status == 200)
            }
        }
    }

    @Test(arguments: ["/v1/messages", "/v1/jobs"])
    func `broken framing is the client's fault: one answer, then the connection ends`(_ target: String) async throws {
        try await World.run { world in
            try await LoopbackClient.connect(to: world.port) { client in
                try await client.send(
                    "POST \(target) HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\ntransfer-encoding: chunked\r\n\r\n")
                try await client.send("2\r\n{}\r\nZZ\r\n")
                let reply = try await client.reply()
                #expect(reply.errorCode == "framing_invalid" && reply.headers["connection"] == "close")
                #expect(try await client.isClosed())
            }
        }
    }

    @Test
    func `a client that asks before it sends is told to go on, or refused at once`() async throws {
        try await World.run { world in
            try await LoopbackClient.connect(to: world.port) { client in
                let head = "POST /v1/jobs HTTP/1.1\r\nhost: r\r\nx-api-key: acme\r\nexpect: 100-continue\r\n"
                try await client.send(head + "content-length: \(World.jobBody.utf8.count)\r\n\r\n")
                #expect(try await client.head().status == 100)
                try await client.send(World.jobBody)
                #expect(try await client.reply().status == 202)
                try await client.send(head + "content-length: 99999999\r\n\r\n")
                #expect(try await client.reply().errorCode == "body_too_large")
            }
        }
    }

    @Test
    func `a full queue says so and when to come back`() async throws {
        try await World.run(maxDepth: 1) { world in
            _ = try await world.submit()
            let reply = try await world.send("POST", "/v1/jobs", World.jobBody)
            #expect(reply.errorCode == "queue_full" && reply.headers["retry-after"] == "5")
        }
    }

    @Test
    func `a field's error names what was met and what is allowed`() async throws {
        try await World.run { world in
            let body = #"{"request":{"model":"m","messages":[],"max_tokens":"many"}}"#
            let reply = try await world.send("POST", "/v1/jobs", body)
            #expect(reply.text.contains(#"request.max_tokens is \"many\"; allowed is a whole number of at least 1"#))
        }
    }
}
