import Domain
import Queue
import TestSupport
import Testing

struct BatchEventTests {
    enum Ending: CaseIterable {
        case settled, canceled, canceledBeforeItBegan, expired, refused, abandonedByWorker, mixed
    }

    @Test(arguments: StoreUnderTest.all, Ending.allCases)
    func `a batch tells once that it has ended, however it ends`(
        _ backEnd: StoreUnderTest, _ ending: Ending
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1", events: [.batchEnded])
            _ = try await world.addEndpoint("whe_deaf", events: [.jobSucceeded, .jobCanceled])
            let id = try await world.accept("a", "b")
            try await end(id, as: ending, in: world)
            #expect(try await world.batch(id).endedAt != nil)
            _ = try await world.advanceAll()
            _ = try await world.reap()
            let events = try await world.claimDeliveries().filter { $0.event == .batchEnded }
            #expect(events.map { $0.endpoint?.id } == ["whe_1"])
            let first = try #require(events.first)
            guard case .data(let data) = first.subject else { throw Unexpected(what: "\(first)") }
            let text = String(decoding: data, as: UTF8.self)
            #expect(text.hasPrefix(#"{"id":"\#(id.text)","type":"message_batch","request_counts":{"processing":0,"#))
            #expect(text.contains(#""results_url":"/v1/messages/batches/\#(id.text)/results""#))
            try await world.settle(first, as: .delivered(at: world.now, status: 200))
            #expect(try await world.claimDeliveries().filter { $0.event == .batchEnded }.isEmpty)
            #expect(try await world.problems() == [])
        }
    }

    private func end(_ id: BatchID, as ending: Ending, in world: World) async throws {
        switch ending {
        case .settled:
            _ = try await world.advanceAll()
            for claim in try await world.claim(2) { try await world.finish(claim.lease) }
        case .canceled:
            _ = try await world.advanceAll()
            _ = try await world.store.cancelBatch(id, of: .sample(), at: world.now)
            _ = try await world.advanceAll()
        case .canceledBeforeItBegan:
            _ = try await world.store.cancelBatch(id, of: .sample(), at: world.now)
            _ = try await world.advanceAll()
        case .expired:
            world.clock.advance(by: .seconds(90_000))
            _ = try await world.advanceAll()
        case .refused:
            _ = try await world.advanceAll()
            for claim in try await world.claim(2) { try await world.finish(claim.lease, as: .errored) }
        case .abandonedByWorker:
            _ = try await world.advanceAll()
            _ = try await world.claim(2)
            world.clock.advance(by: .seconds(31))
            #expect(try await world.reap(maxAttempts: 1) == 2)
        case .mixed:
            _ = try await world.advanceAll()
            try await world.finish(try await world.claimOne())
            world.clock.advance(by: .seconds(90_000))
            #expect(try await world.reap() == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a batch that is deleted takes what is on its way along`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1", events: [.jobSucceeded, .batchEnded])
            let id = try await world.accept("a", "b")
            _ = try await world.advanceAll()
            for claim in try await world.claim(2) { try await world.finish(claim.lease) }
            _ = try await world.submit()
            _ = try await world.claimDeliveries()
            #expect(try await world.store.deleteBatch(id, of: .sample()) == true)
            _ = try await world.advanceAll()
            #expect(try await world.pending() == 1, "that the batch has ended is told all the same")
            #expect(try await world.problems() == [])
            world.clock.advance(by: .seconds(30))
            #expect(try await world.claimDeliveries().map(\.event) == [.batchEnded])
        }
    }
}
