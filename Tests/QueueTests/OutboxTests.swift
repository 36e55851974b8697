import Domain
import Queue
import TestSupport
import Testing

struct OutboxTests {
    @Test(arguments: StoreUnderTest.all)
    func `every way to end writes one delivery for each receiver`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let all = try await world.addEndpoint("whe_all")
            _ = try await world.addEndpoint("whe_none", events: [])
            _ = try await world.addEndpoint("whe_foreign", tenant: .sample("other"))
            let url = WebhookTarget.url("https://example.com/own")

            let settled = try await world.submit(webhook: url)
            try await world.finish(try await world.claimOne())
            let canceled = try await world.submit()
            _ = try await world.store.cancel(canceled, of: .sample(), at: world.now)
            let expired = try await world.submit(.sample(at: world.now, deadline: world.now))
            let lost = try await world.submit(webhook: .endpoint("whe_none"))
            _ = try await world.claimOne()  // ends the overdue one on its way
            world.clock.advance(by: .seconds(30))
            #expect(try await world.reap(maxAttempts: 1) == 1)

            #expect(try await world.store.deliveryCounts() == [.pending: 6, .delivered: 0, .failed: 0])
            let deliveries = try await world.takeAll()
            let seen = Set(deliveries.map { "\($0.job?.id.text ?? "-") \($0.event.rawValue) \($0.url)" })
            #expect(
                seen == [
                    "\(settled) job.succeeded \(all.url)", "\(settled) job.succeeded https://example.com/own",
                    "\(canceled) job.canceled \(all.url)", "\(expired) job.expired \(all.url)",
                    "\(lost) job.errored \(all.url)", "\(lost) job.errored https://example.com/whe_none",
                ])
            #expect(deliveries.count == 6 && Set(deliveries.map(\.id)).count == 6)
            #expect(deliveries.allSatisfy { $0.id.hasPrefix("evt_") && $0.attempt == 1 && $0.result != nil })
            #expect(deliveries.filter { $0.url == all.url }.allSatisfy { $0.endpoint?.id == all.id })
            #expect(deliveries.filter { $0.url.hasSuffix("own") }.allSatisfy { $0.endpoint == nil })
            #expect(try await world.store.deliveryCounts() == [.pending: 0, .delivered: 6, .failed: 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an endpoint that listens and is named hears once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1", events: [.jobSucceeded])
            _ = try await world.submit(webhook: .endpoint("whe_1"))
            try await world.finish(try await world.claimOne())
            #expect(try await world.claimDeliveries().count == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a retry posts nothing`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            _ = try await world.submit()
            try await world.settle(try await world.claimOne(), .retry(at: world.now))
            #expect(try await world.claimDeliveries().isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a delivery is hidden while claimed, retried when due, and ends once`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.submit(webhook: .url("https://example.com"))
            try await world.finish(try await world.claimOne())
            let first = try #require(await world.claimDeliveries().first)
            #expect(try await world.claimDeliveries().isEmpty)
            world.clock.advance(by: .seconds(30))
            let second = try #require(await world.claimDeliveries().first)
            #expect(second.id == first.id && second.attempt == 2 && second.createdAt == first.createdAt)

            try await world.settle(first, as: .delivered(at: world.now, status: 200))
            #expect(try await world.store.deliveryCounts()[.delivered] == 0)
            let due = world.now.advanced(by: .seconds(5))
            try await world.settle(second, as: .retry(at: due, error: "refused"))
            try await world.settle(second, as: .failed(at: world.now, error: "stale"))
            #expect(try await world.claimDeliveries().isEmpty)
            world.clock.advance(by: .seconds(5))
            let third = try #require(await world.claimDeliveries().first)
            #expect(third.attempt == 3)
            try await world.settle(third, as: .delivered(at: world.now, status: 204))
            try await world.settle(third, as: .delivered(at: world.now, status: 204))
            world.clock.advance(by: .seconds(60))
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.store.deliveryCounts() == [.pending: 0, .delivered: 1, .failed: 0])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `deliveries are claimed oldest first, up to the limit`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            var ids: [JobID] = []
            for index in 0..<3 {
                ids.append(try await world.submit(webhook: .url("https://example\(index).com")))
                try await world.finish(try await world.claimOne())
                world.clock.advance(by: .milliseconds(1))
            }
            #expect(try await world.claimDeliveries(2).map(\.job?.id) == Array(ids.prefix(2)))
            #expect(try await world.claimDeliveries(2).map(\.job?.id) == [ids[2]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a delivery that nobody claimed cannot be settled`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.submit(webhook: .url("https://example.com"))
            try await world.finish(try await world.claimOne())
            let claimed = try #require(await world.claimDeliveries().first)
            for (id, attempt) in [(claimed.id, 0), (claimed.id, 2), ("evt_none", 1)] {
                let stale = Delivery(
                    id: id, attempt: attempt, url: claimed.url, tenant: claimed.tenant, endpoint: nil,
                    event: claimed.event, createdAt: claimed.createdAt, subject: claimed.subject)
                try await world.settle(stale, as: .failed(at: world.now, error: ""))
            }
            #expect(try await world.store.deliveryCounts()[.pending] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a removed endpoint takes its undelivered events along`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run(maxDepth: 5000) { world in
            let endpoint = try await world.addEndpoint("whe_1")
            let kept = try await world.addEndpoint("whe_2")
            #expect(try await world.store.endpoints(of: .sample(), after: nil, limit: 1000) == [endpoint, kept])
            _ = try await world.store.submit((0..<2100).map { _ in .sample(at: world.now) })
            while case let claims = try await world.claim(1000), !claims.isEmpty {
                for claim in claims { try await world.finish(claim.lease) }
            }
            let done = try #require(await world.claimDeliveries(1).first)
            try await world.settle(done, as: .delivered(at: world.now, status: 200))

            #expect(try await !world.store.removeEndpoint("whe_1", of: .sample("other")))
            #expect(try await world.store.removeEndpoint("whe_1", of: .sample()))
            #expect(try await !world.store.removeEndpoint("whe_1", of: .sample()))
            #expect(try await world.store.endpoints(of: .sample(), after: nil, limit: 1000) == [kept])
            let counts = try await world.store.deliveryCounts()
            #expect(counts[.delivered] == 1 && counts[.pending] == (done.endpoint == kept ? 2099 : 2100))
            #expect(try await world.claimDeliveries(1000).allSatisfy { $0.endpoint == kept })
        }
    }
}
