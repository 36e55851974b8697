import API
import Domain
import Queue
import TestSupport
import Testing

struct HeadTests {
    @Test func `a HEAD on results has no byte after its head, so that the next answer is read as it is`() async throws {
        try await World.run { world in
            let body = #"{"requests":[{"custom_id":"a","params":\#(World.messageBody)}]}"#
            let id = try await world.send("POST", "/v1/messages/batches", body).field("id")
            let now = world.clock.timestamp
            while try await world.store.advanceBatches(limit: 10, abandonedBefore: now, at: now) > 0 {}
            try await world.finishJob()
            let path = "/v1/messages/batches/\(id)/results"
            try await LoopbackClient.connect(to: world.port) { client in
                for _ in 0..<2 {
                    let head = try await client.request("HEAD", path, headers: [("x-api-key", "acme")])
                    #expect(head.status == 200 && head.headers["transfer-encoding"] == nil)
                }
                let next = try await client.request("GET", path, headers: [("x-api-key", "acme")])
                #expect(next.status == 200 && next.text.contains(#""custom_id":"a""#))
            }
        }
    }
}
