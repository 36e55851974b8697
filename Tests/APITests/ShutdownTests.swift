import Testing
import TestSupport

struct ShutdownTests {
    @Test
    func `on shutdown the listener closes, and what is in flight ends as it would have`() async throws {
        let (started, start) = AsyncStream<Void>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        try await World.run { world in
            world.gateway.script { _ in
                start.yield()
                for await _ in released { break }
                return .reply(200, #"{"late":true}"#)
            }
            async let answer = world.send("POST", "/v1/messages", World.messageBody)
            for await _ in started { break }
            await world.shutdown()
            while (try? await world.send("GET", "/healthz")) != nil { await Task.yield() }
            release.yield()
            let reply = try await answer
            #expect(reply.text == #"{"late":true}"#)
        }
    }

    @Test
    func `on shutdown a long poll answers at once`() async throws {
        try await World.run { world in
            let id = try await world.submit()
            let reply = try await world.advancing(by: .milliseconds(1)) {
                async let answer = world.send("GET", "/v1/jobs/\(id)?wait=60")
                await world.clock.waitForSleepers()
                await world.shutdown()
                return try await answer
            }
            #expect(reply.field("status") == "queued")
            #expect(world.clock.now.offset < .seconds(60))
        }
    }
}
