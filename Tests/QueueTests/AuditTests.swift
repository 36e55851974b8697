import Domain
@testable import Queue
import TestSupport
import Testing

struct AuditTests {
    private func key(_ id: String, at now: Timestamp) -> StoredKey {
        StoredKey(id: id, organization: "acme", sealedSecret: [1], rate: nil, createdAt: now)
    }

    @Test(arguments: StoreUnderTest.all)
    func `each change leaves a line that names who made it`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            try await AuditActor.$current.withValue(AuditActor(.command, "root")) {
                try await world.store.put(key("k1", at: world.now), sealedUnder: 1)
                _ = try await world.store.removeKey("k1")
                let share = try #require(TenantShare(tenant: .sample(), weight: 3))
                try await world.store.setShare(share)
            }
            try await AuditActor.$current.withValue(AuditActor(.token, "acme")) {
                _ = try await world.addEndpoint("whe_1")
                _ = try await world.store.removeEndpoint("whe_1", of: .sample())
                try await world.store.record(.tokenIssued, "acme", "jti 1")
            }
            let trail = try await world.store.auditTrail(after: 0, limit: 100)
            #expect(trail.map(\.sequence) == Array(1...6))
            #expect(
                trail.map(\.action) == [
                    "key.stored", "key.removed", "tenant.share_set", "webhook.added", "webhook.removed", "token.issued",
                ])
            #expect(trail.map(\.actor.name) == ["root", "root", "root", "acme", "acme", "acme"])
            #expect(trail.map(\.subject) == ["k1", "k1", "\(TenantID.sample())", "whe_1", "whe_1", "acme"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a change of an endpoint that changes nothing leaves no line and no trace`(
        _ backEnd: StoreUnderTest
    ) async throws {
        try await backEnd.run { world in
            let added = try await world.addEndpoint("whe_1")
            world.clock.advance(by: .seconds(1))
            let same = EndpointChange(
                url: added.url, events: added.events, description: added.description, payload: added.payload,
                egress: .some(added.egress), status: .active)
            for change in [same, EndpointChange(status: .active), EndpointChange()] {
                try await world.change("whe_1", change)
            }
            #expect(try await world.endpoint("whe_1") == added)
            for _ in 0..<3 { try await world.change("whe_1", EndpointChange(status: .paused)) }
            #expect(try await world.endpoint("whe_1").status == .paused)
            let trail = try await world.store.auditTrail(after: 0, limit: 100)
            #expect(trail.map(\.action) == ["webhook.added", "webhook.changed"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `the chain holds, and pages forwards and backwards`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            for number in 1...7 { try await world.store.put(key("k\(number)", at: world.now), sealedUnder: 1) }
            var check = AuditCheck()
            while case let page = try await world.store.auditTrail(after: check.count, limit: 3), !page.isEmpty {
                for entry in page { try check.take(entry, by: PlainSealer()) }
            }
            #expect(check.count == 7)
            let latest = try await world.store.latestAudit(before: nil, limit: 2)
            #expect(latest.map(\.sequence) == [7, 6])
            #expect(try await world.store.latestAudit(before: 6, limit: 2).map(\.sequence) == [5, 4])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `what changes nothing leaves no line`(_ backEnd: StoreUnderTest) async throws {
        try await backEnd.run { world in
            _ = try await world.store.removeKey("k1")
            _ = try await world.store.removeEndpoint("whe_1", of: .sample())
            _ = try await world.store.bringBack("direct")
            #expect(try await world.store.auditTrail(after: 0, limit: 100).isEmpty)
        }
    }

    @Test
    func `lines of the file can neither be changed nor deleted`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let path = folder + "/queue.sqlite"
            let store = try SQLiteJobStore.open(
                at: path, clock: clock, audit: AuditKeeping(sealer: PlainSealer(), wall: clock.wall))
            try await store.record(.tokenIssued, "acme", "")
            let connection = try SQLiteConnection(path: path)
            #expect(throws: SQLiteFailure.self) { try connection.script("DELETE FROM audit") }
            #expect(throws: SQLiteFailure.self) { try connection.script("UPDATE audit SET actor = 'x'") }
            #expect(try await store.auditTrail(after: 0, limit: 10).count == 1)
        }
    }

    @Test
    func `without the key to seal with, nothing is changed`() async throws {
        struct Keyless: AuditSealer {
            func seal(_ content: [UInt8], after previous: [UInt8]) throws(RelayError) -> [UInt8] {
                throw RelayError(.masterKeyUnusable, "It is gone.", remedy: "Restore it.")
            }
        }
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let store = try SQLiteJobStore.open(
                at: folder + "/queue.sqlite", clock: clock, audit: AuditKeeping(sealer: Keyless(), wall: clock.wall))
            await #expect(throws: JobStoreError.self) {
                try await store.put(key("k1", at: clock.timestamp), sealedUnder: 1)
            }
            #expect(try await store.keys().isEmpty)
        }
    }
}
