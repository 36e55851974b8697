import Domain
import Queue
import TestSupport
import Testing

struct DeliveryLaneTests {
    private let url = WebhookTarget.url("https://alive.example/hook")

    @Test(arguments: StoreUnderTest.all)
    func `10,000 events to a dead endpoint never keep another's out of a claim`(_ backEnd: StoreUnderTest) async throws
    {
        let count = backEnd == .memory ? 200 : 10_000  // the memory's is clear rather than fast
        try await backEnd.run(maxDepth: 20_000) { world in
            _ = try await world.addEndpoint("whe_dead")
            try await world.announce(count)
            for _ in 0..<5 { try await world.failOnce(1) }
            #expect(try await world.endpoint("whe_dead").health.state(at: world.now) == .tripped)
            #expect(try await world.claimDeliveries(1).isEmpty)
            try await world.announce(tenant: .sample("other"), to: url)
            #expect(try await world.claimDeliveries(1).map(\.url) == ["https://alive.example/hook"])
            world.clock.advance(by: .seconds(31))
            try await world.announce(tenant: .sample("other"), to: .url("https://second.example"))
            let claimed = try await world.claimDeliveries(100)
            #expect(claimed.count == 3, "the probe, the lost one, the new one")
            #expect(claimed.filter(\.isProbe).map { $0.endpoint?.id } == ["whe_dead"])
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `suspects take no more than their part of a claim`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for index in 0..<10 {
                _ = try await world.addEndpoint("whe_\(index)")
                if index == 5 { try await world.endpointsWork() }
            }
            try await world.announce()
            let claimed = try await world.store.claimDeliveries(
                world.demand(DeliverySlots(9)), at: world.now, for: .seconds(30))
            #expect(claimed.count { $0.isSuspect } == 2, "of the four places that suspects may have at all")
            #expect(claimed.count { !$0.isSuspect } == 2 && claimed.count == 4)
            var busy = DeliverySlots(9)
            busy.take(2, for: .sample(), areSuspect: true)
            busy.take(2, for: .sample(), areSuspect: false)
            let rest = try await world.store.claimDeliveries(world.demand(busy), at: world.now, for: .seconds(30))
            #expect(rest.isEmpty, "it has what one tenant may have")
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant with any number of new origins leaves another's first event its place`(
        _ backEnd: StoreUnderTest
    ) async throws {
        let count = backEnd == .memory ? 300 : 3000
        try await backEnd.run(maxDepth: 20_000) { world in
            for index in 0..<count { try await world.announce(to: .url("https://new\(index).example")) }
            world.clock.advance(by: .seconds(1))
            try await world.announce(tenant: .sample("other"), to: url)
            var slots = DeliverySlots(12)
            for round in 0..<2 {
                let claimed = try await world.store.claimDeliveries(
                    world.demand(slots), at: world.now, for: .seconds(30))
                for delivery in claimed { slots.take(1, for: delivery.tenant, areSuspect: delivery.isSuspect) }
                let own = claimed.count { $0.tenant == .sample() }
                #expect(round == 0 ? own == 4 && claimed.count == 5 : claimed.isEmpty, "\(claimed.count)")
            }
            let lanes = try await world.store.laneCounts(at: world.now)[.passing] ?? 0
            #expect((257...273).contains(lanes), "256 of their own and up to 16 shared, and the other's")
            #expect(try await world.problems() == [])
            #expect(try await world.takeAll().count == count - 4, "those that are shared are emptied, too")
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a lane has as many under way as its successes allow, and never more than its limit`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.announce(40, to: url)
            var seen: [Int] = []
            for _ in 0..<4 {
                let claimed = try await world.claimDeliveries(100, perLane: 6)
                seen.append(claimed.count)
                #expect(try await world.claimDeliveries(100, perLane: 6).isEmpty)
                for delivery in claimed { try await world.settle(delivery, as: .delivered(at: world.now, status: 200)) }
            }
            #expect(seen == [1, 2, 6, 6])
            let more = try await world.claimDeliveries(100, perLane: 6)
            try await world.settle(more[0], as: .delivered(at: world.now, status: 200))
            #expect(try await world.claimDeliveries(100, perLane: 6).count == 1, "one ends, one begins")
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `lanes take turns, whoever has more`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(20, to: .url("https://busy.example"))
            world.clock.advance(by: .seconds(1))
            for name in ["a", "b"] { try await world.announce(2, to: .url("https://\(name).example")) }
            world.clock.advance(by: .milliseconds(1))
            var order: [String] = []
            for _ in 0..<6 {
                for delivery in try await world.claimDeliveries(1) {
                    order.append(delivery.url)
                    try await world.settle(delivery, as: .delivered(at: world.now, status: 200))
                }
                world.clock.advance(by: .milliseconds(1))
            }
            let round = ["https://busy.example", "https://a.example", "https://b.example"]
            #expect(order == round + round)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a probe is alone; its success lets the others go`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(5, to: url)
            for _ in 0..<5 { try await world.failOnce() }
            #expect(try await world.store.laneCounts(at: world.now) == [.passing: 0, .tripped: 1, .probing: 0])
            world.clock.advance(by: .seconds(30))
            #expect(try await world.store.laneCounts(at: world.now) == [.passing: 0, .tripped: 0, .probing: 1])
            let probe = try #require(await world.claimDeliveries().first)
            #expect(probe.isProbe && probe.isSuspect)
            #expect(try await world.claimDeliveries().isEmpty)
            try await world.settle(probe, as: .delivered(at: world.now, status: 200))
            #expect(try await world.claimDeliveries().count == 2)
            #expect(try await world.store.laneCounts(at: world.now)[.passing] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what a lost holder had claimed takes no room once its time is over`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.announce(2, to: url)
            let lost = try #require(await world.claimDeliveries().first)
            #expect(try await world.claimDeliveries().isEmpty)
            world.clock.advance(by: .seconds(30))
            let again = try #require(await world.claimDeliveries().first)
            #expect(try await world.claimDeliveries().isEmpty, "its lane has room for one")
            try await world.settle(lost, as: .delivered(at: world.now, status: 200))
            #expect(try await world.pending() == 2, "a stale settlement changes nothing")
            try await world.settle(again, as: .delivered(at: world.now, status: 200))
            #expect(try await world.deliverAll().count == 1)
            #expect(try await world.pending() == 0)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an attempt that we put off ourselves does not count`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await world.announce(to: url)
            for _ in 0..<9 {
                let delivery = try #require(await world.claimDeliveries().first)
                #expect(delivery.attempt == 1)
                try await world.settle(delivery, as: .postponed(at: world.now.advanced(by: .seconds(1))))
                #expect(try await world.claimDeliveries().isEmpty)
                #expect(try await world.history(delivery.id).attempts.isEmpty)
                world.clock.advance(by: .seconds(1))
            }
            #expect(try await world.store.laneCounts(at: world.now)[.passing] == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an origin's lane is gone when it is empty, an endpoint's stays`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce(to: url)
            try await world.announce(to: .url("HTTPS://Alive.example/other?x#y"))
            #expect(try await world.store.laneCounts(at: world.now)[.passing] == 2, "one origin, one lane")
            _ = try await world.deliverAll()
            #expect(try await world.store.laneCounts(at: world.now)[.passing] == 1)
            #expect(try await world.endpoint("whe_1").health.window == 4)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a clock that is set back leaves no lane waiting`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            let past = world.now
            world.clock.advance(by: .seconds(86_400))
            try await world.announce()
            for _ in 0..<5 { try await world.failOnce() }
            let moved = try await world.store.rebase(
                by: .seconds(86_400), keeping: .seconds(10), limit: 10, at: past)
            #expect(moved >= 1)
            let health = try await world.endpoint("whe_1").health
            #expect(health.trippedUntil == past.advanced(by: .seconds(30)) && health.failingSince == past)
            let demand = world.demand(DeliverySlots(99))
            let early = try await world.store.claimDeliveries(demand, at: past, for: .seconds(30))
            #expect(early.isEmpty)
            let due = past.advanced(by: .seconds(30))
            #expect(try await world.store.claimDeliveries(demand, at: due, for: .seconds(30)).count == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what a clock that was ahead has put off, or claimed, does not wait for it`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            for name in ["a", "b", "c"] { try await world.announce(to: .url("https://\(name).example")) }
            let past = world.now
            world.clock.advance(by: .seconds(86_400))
            let claimed = try await world.claimDeliveries()
            let failed = try #require(claimed.first { $0.url.contains("a.example") })
            let due = world.now.advanced(by: .seconds(300))
            try await world.settle(failed, as: .retry(at: due, error: "HTTP 500"))
            while case let slice = try await world.store.rebase(
                by: .seconds(86_400), keeping: .seconds(10), limit: 1, at: past), slice > 0
            {}
            #expect(try await world.history(failed.id).record.dueAt == past.advanced(by: .seconds(300)))
            #expect(try await world.history(failed.id).attempts.map(\.endedAt) == [past])
            let demand = world.demand(DeliverySlots(99))
            let lost = try await world.store.claimDeliveries(
                demand, at: past.advanced(by: .seconds(30)), for: .seconds(30))
            #expect(Set(lost.map(\.url)) == ["https://b.example", "https://c.example"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a lane that was put off whole goes on after that, with nothing against it`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.announce(3, to: url)
            let first = try #require(await world.claimDeliveries().first)
            let later = world.now.advanced(by: .seconds(60))
            try await world.settle(first, as: .postponed(at: later, isOfLane: true))
            world.clock.advance(by: .seconds(59))
            #expect(try await world.claimDeliveries().isEmpty)
            world.clock.advance(by: .seconds(1))
            let probe = try await world.claimDeliveries()
            #expect(probe.count == 1 && probe.allSatisfy { $0.attempt == 1 })
            try await world.settle(probe[0], as: .delivered(at: world.now, status: 200))
            #expect(try await world.takeAll().count == 2)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `of a result there is as much as is to be sent along`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for (index, style) in [PayloadStyle.full, .thin].enumerated() {
                let endpoint = WebhookEndpoint(
                    id: "whe_\(index)", tenant: .sample(), url: "https://example.com/\(index)", events: [.jobSucceeded],
                    payload: style, secret: EndpointSecret(sealed: [1], createdAt: world.now), createdAt: world.now)
                #expect(try await world.store.addEndpoint(endpoint, sealedUnder: 1, limit: 9))
            }
            let body = JobResult.sample().body
            for (limit, found) in [(body.count, [body, nil]), (body.count - 1, [nil, nil])] {
                try await world.announce()
                let demand = DeliveryDemand(slots: DeliverySlots(99), perLane: 9, inlineLimit: limit)
                let claimed = try await world.store.claimDeliveries(demand, at: world.now, for: .seconds(30))
                let sorted = claimed.sorted { $0.url < $1.url }
                #expect(sorted.map(\.result?.body) == found && sorted.map(\.result?.status) == [200, 200])
                for delivery in claimed { try await world.settle(delivery, as: .delivered(at: world.now, status: 200)) }
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `of a delivery that is sent anew without end the last hundred attempts are kept`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            try await world.announce(to: url)
            let id = try #require(await world.takeAll().first).id
            for _ in 0..<104 {
                _ = try await world.store.redeliver(id, of: nil, at: world.now)
                _ = try await world.takeAll()
            }
            let history = try await world.history(id)
            #expect(history.record.attempts == 105 && history.attempts.map(\.attempt) == Array(6...105))
        }
    }

    /// How often each of 30 lanes is served while attempts end one by one, in so many places.
    private func services(_ places: Int, in world: World) async throws -> [String: Int] {
        var (slots, underWay, served) = (DeliverySlots(places), [Delivery](), [String: Int]())
        for _ in 0..<300 {
            for delivery in try await world.store.claimDeliveries(
                world.demand(slots), at: world.now, for: .seconds(3000))
            {
                slots.take(1, for: delivery.tenant, areSuspect: delivery.isSuspect)
                served[delivery.url, default: 0] += 1
                underWay.append(delivery)
            }
            world.clock.advance(by: .milliseconds(10))
            let done = underWay.removeFirst()
            try await world.settle(done, as: .delivered(at: world.now, status: 200))
            slots.give(back: 1, of: done.tenant, wereSuspect: done.isSuspect)
        }
        return served
    }

    @Test(arguments: StoreUnderTest.all)
    func `of more lanes than a tenant has places none is forgotten`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for index in 0..<30 { try await world.announce(20, to: .url("https://\(index).example")) }
            let served = try await services(12, in: world)
            #expect(served.count == 30)
            let counts = served.values.sorted()
            #expect(counts.first.map { $0 >= 4 } ?? false && counts.last.map { $0 <= 20 } ?? false, "\(counts)")
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `receivers of hundreds of tenants that hang leave a trusted one its place`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_good", tenant: .sample("good"))
            try await world.announce(tenant: .sample("good"))
            _ = try await world.deliverAll()
            for index in 0..<40 { try await world.announce(tenant: .sample("t\(index)"), to: url) }
            var slots = DeliverySlots(16)
            for _ in 0..<4 {
                for delivery in try await world.store.claimDeliveries(
                    world.demand(slots), at: world.now, for: .seconds(30))
                {
                    slots.take(1, for: delivery.tenant, areSuspect: delivery.isSuspect)
                }
            }
            #expect(slots.free == 8 && slots.freeForSuspects == 0)
            try await world.announce(tenant: .sample("good"))
            let claimed = try await world.store.claimDeliveries(
                world.demand(slots), at: world.now, for: .seconds(30))
            #expect(claimed.map { $0.endpoint?.id } == ["whe_good"])
        }
    }
}
