import Domain
@testable import Queue
import TestSupport
import Testing

struct DeliveryLogTests {
    private let url = WebhookTarget.url("https://example.com/")

    @Test(arguments: StoreUnderTest.all)
    func `every attempt leaves a line, with the answer's beginning`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(to: url)
            let first = try #require(await world.claimDeliveries().first)
            let ended = world.now.advanced(by: .milliseconds(40))
            let log = DeliveryAttempt(
                attempt: 1, startedAt: world.now, endedAt: ended, status: 500, error: "HTTP 500",
                answer: Array(repeating: 65, count: 100_000))
            let due = world.now.advanced(by: .seconds(5))
            _ = try await world.store.settleDelivery(
                first, as: .retry(at: due, error: "HTTP 500"), log: log, rules: EndpointRules())
            world.clock.advance(by: .seconds(5))
            let second = try #require(await world.claimDeliveries().first)
            try await world.settle(second, as: .delivered(at: world.now, status: 204))
            let history = try await world.history(first.id)
            #expect(history.attempts.map(\.status) == [500, 204] && history.attempts.map(\.attempt) == [1, 2])
            #expect(history.attempts[0] == log && log.answer.count == DeliveryAttempt.answerLimit)
            #expect(history.record.state == .delivered && history.record.status == 204 && history.record.error == nil)
            #expect(history.record.attempts == 2 && history.record.endedAt == world.now && history.record.dueAt == nil)
            #expect(try await world.store.delivery(first.id, of: .sample("other")) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `lists show what is asked for, newest first, page by page`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            let start = world.now
            for _ in 0..<5 {
                try await world.announce()
                try await world.announce(tenant: .sample("other"), to: url)
                world.clock.advance(by: .seconds(100))
            }
            func ids(_ query: DeliveryQuery) async throws -> [String] {
                try await world.store.deliveries(query).records.map(\.id)
            }
            let mine = try await ids(DeliveryQuery(tenant: .sample()))
            #expect(mine.count == 5)
            #expect(try await ids(DeliveryQuery(tenant: nil)).count == 10)
            #expect(try await ids(DeliveryQuery(tenant: nil, endpoint: "whe_1")) == mine)
            #expect(
                try await ids(DeliveryQuery(tenant: .sample(), since: start.advanced(by: .seconds(200)))).count == 3)
            #expect(try await ids(DeliveryQuery(tenant: .sample(), state: .failed)).isEmpty)
            let job = try #require(await world.history(mine[2]).record.job)
            #expect(try await ids(DeliveryQuery(tenant: .sample(), job: job)) == [mine[2]])
            #expect(try await ids(DeliveryQuery(tenant: .sample("other"), job: job)).isEmpty)
            var paged: [String] = []
            var query = DeliveryQuery(tenant: .sample(), limit: 2)
            for _ in 0..<4 {
                let page = try await world.store.deliveries(query)
                paged += page.records.map(\.id)
                guard page.hasMore else { break }
                query.after = page.next
            }
            #expect(paged == mine)
            #expect(try await ids(DeliveryQuery(tenant: .sample("other"), after: mine[0])).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a delivery is sent anew under its id, its schedule from the start`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(to: url)
            for _ in 0..<3 { try await world.failOnce() }
            let last = try #require(await world.claimDeliveries().first)
            #expect(last.attempt == 4 && last.roundAttempt == 4)
            try await world.settle(last, as: .failed(at: world.now, error: "HTTP 500"))
            #expect(try await world.store.redeliver(last.id, of: .sample("other"), at: world.now) == .unknown)
            let record = try #require(await world.store.redeliver(last.id, of: .sample(), at: world.now).sent)
            #expect(record.state == .pending && record.dueAt == world.now && record.endedAt == nil)
            let again = try #require(await world.claimDeliveries().first)
            #expect(again.id == last.id && again.attempt == 5 && again.roundAttempt == 1)
            try await world.settle(again, as: .delivered(at: world.now, status: 200))
            #expect(try await world.history(last.id).attempts.map(\.attempt) == [1, 2, 3, 4, 5])
            #expect(try await world.store.deliveryCounts() == [.pending: 0, .delivered: 1, .failed: 0])
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a pending delivery that is asked for again is due now`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(to: url)
            let delivery = try #require(await world.claimDeliveries().first)
            try await world.settle(delivery, as: .retry(at: world.now.advanced(by: .seconds(3600)), error: "HTTP 500"))
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.store.redeliver(delivery.id, of: nil, at: world.now).sent?.dueAt == world.now)
            #expect(try await world.claimDeliveries().map(\.attempt) == [2])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `asking once more for what is due or under way changes nothing and leaves no line`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            func lines() async throws -> Int {
                try await world.store.latestAudit(before: nil, limit: 100).count { $0.action == "webhook.redelivered" }
            }
            try await world.announce(to: url)
            let delivery = try #require(await world.claimDeliveries().first)
            for _ in 0..<3 { _ = try #require(await world.store.redeliver(delivery.id, of: nil, at: world.now).sent) }
            #expect(try await lines() == 0)
            try await world.settle(delivery, as: .retry(at: world.now.advanced(by: .seconds(3600)), error: "HTTP 500"))
            for _ in 0..<3 {
                let record = try #require(await world.store.redeliver(delivery.id, of: nil, at: world.now).sent)
                #expect(record.dueAt == world.now)
                #expect(try await lines() == 1)
            }
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `all that failed since a time is sent anew, where it can go`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for id in ["whe_1", "whe_2", "whe_off", "whe_gone"] { _ = try await world.addEndpoint(id) }
            func failAll() async throws {
                try await world.announce(2, to: url)
                while case let claimed = try await world.claimDeliveries(), !claimed.isEmpty {
                    for delivery in claimed {
                        try await world.settle(delivery, as: .failed(at: world.now, error: "x"))
                    }
                    world.clock.advance(by: .seconds(600))
                }
            }
            try await failAll()
            world.clock.advance(by: .seconds(100_000))
            let since = world.now
            try await failAll()
            try await world.change("whe_off", EndpointChange(status: .disabled))
            _ = try await world.store.removeEndpoint("whe_gone", of: nil)
            let now = world.now
            func anew(_ endpoint: String?, _ tenant: TenantID?) async throws -> [Int] {
                var counts: [Int] = []
                repeat {
                    counts.append(
                        try await world.store.redeliverFailed(
                            endpoint: endpoint, of: tenant, since: since, limit: 3, at: now))
                } while counts.last != 0
                return counts
            }
            #expect(try await anew("whe_off", nil) == [0])
            #expect(try await anew("whe_1", .sample("other")) == [0])
            #expect(try await anew("whe_1", .sample()) == [2, 0])
            #expect(try await anew(nil, nil) == [3, 1, 0], "of whe_2 and the URL")
            #expect(try await world.pending() == 6)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `where nothing can go, nothing is sent anew`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for id in ["whe_off", "whe_gone"] { _ = try await world.addEndpoint(id) }
            try await world.announce()
            let ids = try await world.deliverAll()
            try await world.change("whe_off", EndpointChange(status: .disabled))
            _ = try await world.store.removeEndpoint("whe_gone", of: nil)
            for id in ids {
                #expect(try await world.store.redeliver(id, of: nil, at: world.now).refused?.state == .delivered)
            }
            #expect(try await world.pending() == 0)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what waits in a lane that is given up is not sent anew`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_off")
            try await world.announce(3)
            let waiting = try await world.store.deliveries(DeliveryQuery(tenant: .sample())).records
            try await world.change("whe_off", EndpointChange(status: .disabled))
            for delivery in waiting {
                let outcome = try await world.store.redeliver(delivery.id, of: nil, at: world.now)
                #expect(outcome.refused?.id == delivery.id)
            }
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `the log goes with its job, and what is of no job by its age`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce()
            for _ in 0..<5 { _ = try await world.store.postTest([1], to: "whe_1", of: nil, at: world.now) }
            let ids = try await world.deliverAll()
            #expect(ids.count == 6)
            _ = try await world.submit()  // the newest job stays
            world.clock.advance(by: .seconds(10))
            let young = try #require(await world.store.postTest([1], to: "whe_1", of: nil, at: world.now))
            _ = try await world.deliverAll()
            var next: Int64? = 0
            while let start = next {
                next = try await world.store.prune(endedBefore: world.now, after: start, limit: 2).next
            }
            #expect(try await world.store.deliveries(DeliveryQuery(tenant: nil)).records.map(\.id) == [young])
            #expect(try await world.store.deliveryCounts() == [.pending: 0, .delivered: 1, .failed: 0])
            for id in ids { #expect(try await world.store.delivery(id, of: nil) == nil) }
            if let store = world.store as? SQLiteJobStore {
                let lines = try await store.read { try $0.number("SELECT count(*) FROM delivery_attempts") }
                #expect(lines == 1)
            }
            #expect(try await world.problems() == [])
        }
    }
}
