import API
import Domain
import Testing
import Upstream

struct PassThroughTests {
    @Test(
        arguments: [
            ("POST", "/v1/messages?beta=true", World.messageBody),
            ("POST", "/v1/messages/count_tokens?beta=true", "{}"),
            ("GET", "/v1/models?limit=5&lifecycle[]=active&lifecycle[]=deprecated", nil),
            ("GET", "/v1/models?after_id=a%2Fb&x=%5B%5D&y=+&z", nil), ("GET", "/v1/models/claude-x?beta=true", nil),
            ("GET", "/v1/models/claude%2Dx", nil),
        ] as [(String, String, String?)])
    func `path and query go on as they were written`(_ method: String, _ target: String, _ body: String?) async throws {
        try await World.run { world in
            world.gateway.script { _ in .reply(200, "{}") }
            let reply = try await world.send(method, target, body)
            #expect(reply.status == 200)
            #expect(world.gateway.record.calls.map(\.path) == [target])
        }
    }

    @Test(arguments: [
        "/v1/models/..", "/v1/models/.", "/v1/models/%2e%2E", "/v1/models/a%2fb", "/v1/models/..%2Fmessages",
    ])
    func `a path that could lead the upstream elsewhere is refused`(_ target: String) async throws {
        for isOpen in [false, true] {
            try await World.run(configure: { $0.forwardsOtherPaths = isOpen }) { world in
                let reply = try await world.send("GET", target)
                #expect(reply.errorCode == "route_unknown")
                #expect(world.gateway.record.calls.isEmpty)
            }
        }
    }

    @Test
    func `other paths are refused by default, and the refusal names the setting`() async throws {
        try await World.run { world in
            let reply = try await world.send("GET", "/v1/files?limit=1")
            #expect(reply.errorCode == "route_unknown" && reply.text.contains("sync.forward_other_paths"))
            #expect(try await world.send("GET", "/elsewhere").text.contains("sync.forward") == false)
        }
    }

    @Test
    func `other paths go through when that is set, whatever the answer is`() async throws {
        try await World.run(configure: { $0.forwardsOtherPaths = true }) { world in
            let bytes: [UInt8] = [0, 255, 10, 13]
            for _ in 0..<3 { world.gateway.script { _ in .raw(200, "application/octet-stream", bytes) } }
            let upload = try await world.send(
                "POST", "/v1/files?beta=true", bytes: bytes,
                headers: [("content-type", "multipart/form-data; boundary=x")])
            #expect(
                upload.status == 200 && upload.body == bytes
                    && upload.headers["content-type"] == "application/octet-stream")
            #expect(try await world.send("GET", "/v1/files/file_1/content").body == bytes)
            #expect(try await world.send("DELETE", "/v1/files/file_1").status == 200)
            let calls = world.gateway.record.calls
            #expect(calls.map(\.method) == ["POST", "GET", "DELETE"])
            #expect(calls.map(\.path) == ["/v1/files?beta=true", "/v1/files/file_1/content", "/v1/files/file_1"])
            #expect(calls.map(\.body) == [bytes, nil, nil])
            #expect(try await world.send("GET", "/v1/files", token: nil).errorCode == "token_missing")
            #expect(try await world.send("TRACE", "/v1/files").errorCode == "route_unknown")
        }
    }

    @Test(
        arguments: [
            "/v1/messages/batches/b/results2", "/v1/messages/%62atches/x/y", "/v1/jobs/j/x/y/z", "/v1/webhooks/w/x/y",
            "/v1/a/../messages", "/v1/a/%2e%2e/b", "/v1//messages", "/v1/", "/v1", "/v2/files", "/admin/v1/keys/x",
        ])
    func `the relay's own paths, and crooked ones, never go through`(_ target: String) async throws {
        try await World.run(configure: { $0.forwardsOtherPaths = true }) { world in
            let reply = try await world.send("GET", target)
            #expect(reply.errorCode == "route_unknown")
            #expect(world.gateway.record.calls.isEmpty)
        }
    }

    @Test
    func `what may have been executed on an unknown path is not sent twice`() async throws {
        try await World.run(configure: { $0.forwardsOtherPaths = true }) { world in
            world.gateway.script { _ in .failure(.connect) }
            world.gateway.script { _ in .reply(500, "{}", .upstreamFault(retryAfter: nil)) }
            let reply = try await world.advancing { try await world.send("POST", "/v1/skills", "{}") }
            #expect(reply.status == 500 && reply.headers["x-should-retry"] == "false")
            #expect(world.gateway.record.calls.count == 2)
            world.gateway.script { _ in .reply(500, "{}", .upstreamFault(retryAfter: nil)) }
            world.gateway.script { _ in .reply(200, "{}") }
            let read = try await world.advancing { try await world.send("GET", "/v1/skills") }
            #expect(read.status == 200)
        }
    }
}
