import Domain
import Queue
import TestSupport
import Testing

struct EndpointTests {
    @Test(arguments: StoreUnderTest.all)
    func `endpoints are their tenant's, and an operator's`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let first = WebhookEndpoint(
                id: "whe_1", tenant: .sample(), url: "https://example.com", events: [.batchEnded, .webhookDisabled],
                description: "billing", payload: .thin, egress: "proxy",
                secret: EndpointSecret(sealed: [1], createdAt: world.now), createdAt: world.now)
            #expect(try await world.store.addEndpoint(first, sealedUnder: 1, limit: 9))
            let other = try await world.addEndpoint("whe_2", tenant: .sample("other"))
            #expect(try await world.store.endpoints(of: nil, after: nil, limit: 1000) == [first, other])
            #expect(try await world.store.endpoints(of: .sample("other"), after: nil, limit: 1000) == [other])
            #expect(try await world.store.endpoint("whe_1", of: .sample()) == first)
            #expect(try await world.store.endpoint("whe_1", of: .sample("other")) == nil)
            let change = EndpointChange(description: "mine")
            let foreign = try await world.store.changeEndpoint("whe_1", of: .sample("other"), change, at: world.now)
            #expect(foreign == nil)
            #expect(try await !world.store.removeEndpoint("whe_1", of: .sample("other")))
            #expect(try await world.store.postTest([], to: "whe_1", of: .sample("other"), at: world.now) == nil)
            #expect(try await world.endpoint("whe_1") == first)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant has no more endpoints than it may, and an operator sees all, page by page`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            func add(_ id: String, _ tenant: TenantID = .sample()) async throws -> Bool {
                let endpoint = WebhookEndpoint(
                    id: id, tenant: tenant, url: "https://example.com/\(id)", events: [],
                    secret: EndpointSecret(sealed: [1], createdAt: world.now), createdAt: world.now)
                return try await world.store.addEndpoint(endpoint, sealedUnder: 1, limit: 2)
            }
            #expect(try await add("whe_1"))
            #expect(try await add("whe_2"))
            #expect(try await !add("whe_3"))
            #expect(try await add("whe_4", .sample("other")))
            let all = try await world.store.endpoints(of: nil, after: nil, limit: 2)
            #expect(all.map(\.id) == ["whe_1", "whe_2"])
            let rest = try await world.store.endpoints(of: nil, after: "whe_2", limit: 2)
            #expect(rest.map(\.id) == ["whe_4"])
            #expect(try await world.store.endpoints(of: .sample(), after: "whe_1", limit: 9).map(\.id) == ["whe_2"])
            #expect(try await world.store.endpoints(of: nil, after: "whe_none", limit: 9).isEmpty)
            _ = try await world.store.removeEndpoint("whe_1", of: nil)
            #expect(try await add("whe_3"))
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what an endpoint's former URL has answered is no word of the new one`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            for outcome in [DeliveryOutcome.gone(at: world.now, status: 410), .failed(at: world.now, error: "x")] {
                try await world.announce()
                let delivery = try #require(await world.claimDeliveries().first)
                try await world.change("whe_1", EndpointChange(url: "https://new.example/\(world.now.microseconds)"))
                world.clock.advance(by: .seconds(1))
                #expect(try await world.settle(delivery, as: outcome) == nil)
                let endpoint = try await world.endpoint("whe_1")
                #expect(endpoint.status == .active && endpoint.health == EndpointHealth())
                let again = try #require(await world.claimDeliveries().first)
                #expect(again.id == delivery.id && again.attempt == 2 && again.url == endpoint.url)
                try await world.settle(again, as: .delivered(at: world.now, status: 200))
            }
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what was on its way when an endpoint was paused does not disable it`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce()
            let delivery = try #require(await world.claimDeliveries().first)
            try await world.change("whe_1", EndpointChange(status: .paused))
            #expect(try await world.settle(delivery, as: .gone(at: world.now, status: 410)) == nil)
            #expect(try await world.endpoint("whe_1").status == .paused)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a change changes what it names, and is read back`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let before = try await world.addEndpoint("whe_1")
            world.clock.advance(by: .seconds(1))
            let change = EndpointChange(
                events: [.jobErrored], description: "d", payload: .thin, egress: .some("proxy"))
            let after = try await world.store.changeEndpoint("whe_1", of: .sample(), change, at: world.now)
            #expect(try await world.endpoint("whe_1") == after)
            #expect(after?.url == before.url && after?.createdAt == before.createdAt && after?.changedAt == world.now)
            #expect(after?.events == [.jobErrored] && after?.payload == .thin && after?.egress == "proxy")
            try await world.change("whe_1", EndpointChange(egress: .some(nil)))
            #expect(try await world.endpoint("whe_1").egress == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a rotation keeps the previous secret until it expires`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let created = world.now
            _ = try await world.addEndpoint("whe_1")
            world.clock.advance(by: .seconds(5))
            let until = world.now.advanced(by: .seconds(3600))
            try await world.change(
                "whe_1", EndpointChange(rotation: SecretRotation(sealed: [9], sealedUnder: 1, previousExpiresAt: until))
            )
            let previous = EndpointSecret(sealed: [1, 2, 3], createdAt: created, expiresAt: until)
            let current = EndpointSecret(sealed: [9], createdAt: world.now)
            #expect(try await world.endpoint("whe_1").previous == previous)
            try await world.announce()
            let delivery = try #require(await world.claimDeliveries().first)
            #expect(delivery.endpoint?.secret == current && delivery.endpoint?.previous == previous)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what is pending follows an endpoint to its new URL, whose health begins anew`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce(2)
            for _ in 0..<5 { try await world.failOnce() }
            #expect(try await world.claimDeliveries().isEmpty)
            try await world.change("whe_1", EndpointChange(url: "https://new.example"))
            let page = try await world.store.deliveries(DeliveryQuery(tenant: .sample()))
            #expect(page.records.map(\.url) == ["https://new.example", "https://new.example"])
            #expect(try await world.claimDeliveries().map(\.url) == ["https://new.example"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a paused endpoint keeps its events, but hears tests`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1", events: [.jobSucceeded])
            try await world.change("whe_1", EndpointChange(status: .paused))
            try await world.announce(3)
            #expect(try await world.claimDeliveries().isEmpty)
            let id = try await world.store.postTest(Array("{}".utf8), to: "whe_1", of: .sample(), at: world.now)
            let test = try #require(await world.claimDeliveries().first)
            #expect(test.id == id && test.event == .webhookTest && test.subject == .data(Array("{}".utf8)))
            try await world.settle(test, as: .failed(at: world.now, error: "HTTP 500"))
            #expect(try await world.endpoint("whe_1").health == EndpointHealth(), "a test says nothing of it")
            #expect(try await world.pending() == 3)
            try await world.change("whe_1", EndpointChange(status: .active))
            #expect(try await world.deliverAll().count == 3)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a disabled endpoint is sent nothing: what was on its way and what comes has failed, and can be sent anew`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce(3)
            let underWay = try #require(await world.claimDeliveries().first)
            try await world.change("whe_1", EndpointChange(status: .disabled))
            try await world.announce(2)
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.store.deliveryCounts() == [.pending: 1, .delivered: 0, .failed: 4])
            try await world.settle(underWay, as: .retry(at: world.now, error: "HTTP 500"))
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.store.deliveryCounts() == [.pending: 0, .delivered: 0, .failed: 5])
            let failed = try await world.store.deliveries(DeliveryQuery(tenant: nil, state: .failed)).records
            #expect(failed.allSatisfy { $0.error == "the endpoint is disabled" && $0.endedAt == world.now })
            #expect(try await world.endpoint("whe_1").statusReason != nil)
            try await world.change("whe_1", EndpointChange(status: .active))
            #expect(try await world.endpoint("whe_1").statusReason == nil)
            try await world.announce()
            #expect(try await world.deliverAll().count == 1)
            let anew = try await world.store.redeliverFailed(
                endpoint: "whe_1", of: nil, since: .init(microseconds: 0), limit: 100, at: world.now)
            #expect(anew == 5)
            #expect(try await world.deliverAll().count == 5)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `410 disables the endpoint once, and the tenant's others hear of it`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            let gone = try await world.addEndpoint("whe_gone")
            _ = try await world.addEndpoint("whe_log", events: [.webhookDisabled])
            _ = try await world.addEndpoint("whe_foreign", tenant: .sample("other"), events: [.webhookDisabled])
            try await world.announce(2)
            let delivery = try #require(await world.claimDeliveries(1).first)
            let disabling = try #require(await world.settle(delivery, as: .gone(at: world.now, status: 410)))
            #expect(disabling.endpoint == "whe_gone" && disabling.url == gone.url && disabling.reason.contains("410"))
            #expect(try await world.endpoint("whe_gone").status == .disabled)
            #expect(try await world.endpoint("whe_gone").statusReason == disabling.reason)
            let notices = try await world.claimDeliveries()
            #expect(notices.map { $0.endpoint?.id } == ["whe_log"] && notices.map(\.event) == [.webhookDisabled])
            guard case .data(let data) = try #require(notices.first).subject else { throw Unexpected(what: "a job") }
            let text = String(decoding: data, as: UTF8.self)
            #expect(text.contains(#""id":"whe_gone""#) && text.contains("410"))
            #expect(try await world.history(delivery.id).record.state == .failed)
            #expect(try await world.problems() == [])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `an endpoint that fails for days is disabled, with the reason`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.addEndpoint("whe_1")
            try await world.announce(1)
            let since = world.now
            for _ in 0..<10 {
                #expect(try await world.failOnce() == nil)
                world.clock.advance(by: .seconds(43_200))
            }
            let disabling = try #require(await world.failOnce())
            #expect(disabling.failingSince == since && disabling.reason.contains("failing since 2026-01-01"))
            #expect(try await world.endpoint("whe_1").status == .disabled)
            #expect(try await world.claimDeliveries().isEmpty)
            #expect(try await world.pending() == 0)
        }
    }
}
