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
            for index in 0..<10 { try await world.announce(to: .url("https://dead\(index).example")) }
            try await world.failOnce()
            for index in 0..<10 { try await world.announce(to: .url("https://alive\(index).example")) }
            let demand = DeliveryDemand(limit: 6, perLane: 5, suspects: 2)
            let claimed = try await world.store.claimDeliveries(demand, at: world.now, for: .seconds(30))
            #expect(claimed.count { $0.isSuspect } == 2 && claimed.count == 6)
            let none = DeliveryDemand(limit: 100, perLane: 5, suspects: 0)
            let rest = try await world.store.claimDeliveries(none, at: world.now, for: .seconds(30))
            #expect(rest.count == 6 && !rest.contains { $0.isSuspect })
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
                #expect(delivery.attempt == 1 && !delivery.isSuspect)
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
            let demand = DeliveryDemand(limit: 9, perLane: 9, suspects: 9)
            let early = try await world.store.claimDeliveries(demand, at: past, for: .seconds(30))
            #expect(early.isEmpty)
            let due = past.advanced(by: .seconds(30))
            #expect(try await world.store.claimDeliveries(demand, at: due, for: .seconds(30)).count == 1)
        }
    }
}
