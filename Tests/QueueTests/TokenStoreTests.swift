import Domain
import Queue
import TestSupport
import Testing

struct TokenStoreTests {
    private func key(
        _ name: String, _ world: World, tenant: String = "acme", prefix: String? = nil, after: Duration = .zero
    ) -> APIKey {
        APIKey(
            id: "key_\(name)", prefix: prefix ?? "sk-relay-\(name)", hash: [1, 2, 3], tenant: .sample(tenant),
            scopes: [.messages, .adminRead], name: "of \(name)", createdAt: world.now.advanced(by: after),
            expiresAt: name == "a" ? world.now.advanced(by: .seconds(60)) : nil)
    }

    @Test(arguments: StoreUnderTest.all)
    func `API keys come back as they were stored, oldest first, by tenant`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let (a, b) = (key("a", world, after: .seconds(1)), key("b", world, tenant: "beta"))
            try await world.store.addAPIKey(a)
            try await world.store.addAPIKey(b)
            #expect(try await world.store.apiKeys(of: nil) == [b, a])
            #expect(try await world.store.apiKeys(of: .sample("acme")) == [a])
            #expect(try await world.store.apiKeys(of: .sample("gamma")).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `API keys are read page by page, each once, whatever they are filtered by`(
        _ kind: StoreUnderTest
    ) async throws {
        try await kind.run { world in
            for number in 10..<20 {
                try await world.store.addAPIKey(key("\(number)", world, tenant: number % 2 == 0 ? "acme" : "beta"))
            }
            for (tenant, prefix, expected) in [
                (nil, "", 10), (TenantID.sample("acme"), "", 5), (nil, "sk-relay-11", 1), (nil, "sk-relay-9", 0),
            ] {
                var query = APIKeyQuery(tenant: tenant, limit: 3)
                query.prefix = prefix
                var found: [APIKey] = []
                while case let page = try await world.store.apiKeys(query), let last = page.last {
                    #expect(page.count <= 3)
                    found += page
                    query.after = last.id
                }
                #expect(found.count == expected && found.map(\.id) == found.map(\.id).sorted())
                #expect(found.allSatisfy { tenant == nil || $0.tenant == tenant })
            }
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `revocations are read page by page, each once, even if one is renewed meanwhile`(
        _ kind: StoreUnderTest
    ) async throws {
        try await kind.run { world in
            let names = ["a", "b", "\u{FF5E}", "c:d", "\u{1F600}"]
            for name in names { try await world.store.revoke(TokenRevocation(.token(name), since: world.now)) }
            for name in ["acme", "a"] {
                try await world.store.revoke(TokenRevocation(.tenant(.sample(name)), since: world.now))
            }
            var query = RevocationQuery(limit: 2)
            var found: [TokenRevocation.Subject] = []
            while case let page = try await world.store.revocations(query), let last = page.last {
                found += page.map(\.subject)
                query.after = TokenRevocation.Subject(cursor: last.subject.cursor)
                #expect(query.after == last.subject)
                world.clock.advance(by: .seconds(1))
                try await world.store.revoke(TokenRevocation(.token("a"), since: world.now))
            }
            let tokens = ["a", "b", "c:d", "\u{FF5E}", "\u{1F600}"].map(TokenRevocation.Subject.token)
            #expect(found == tokens + [.tenant(.sample("a")), .tenant(.sample("acme"))])
            let ofOne = try await world.store.revocations(RevocationQuery(tenant: .sample("acme"), limit: 10))
            #expect(ofOne.map(\.subject) == [.tenant(.sample("acme"))])
        }
    }

    @Test(arguments: ["", "jti", "tenant:", "tenant:a b", "key:x"])
    func `what is no cursor is not taken for one`(_ text: String) {
        #expect(TokenRevocation.Subject(cursor: text) == nil)
    }

    @Test(arguments: StoreUnderTest.all)
    func `neither an id nor a prefix is given twice`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            try await world.store.addAPIKey(key("a", world))
            for other in [key("a", world, prefix: "sk-relay-x"), key("b", world, prefix: "sk-relay-a")] {
                await #expect(throws: JobStoreError.self) { try await world.store.addAPIKey(other) }
            }
            #expect(try await world.store.apiKeys(of: nil).count == 1)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a key is revoked once, by its id or its prefix`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let (a, b) = (key("a", world), key("b", world))
            for key in [a, b] { try await world.store.addAPIKey(key) }
            let first = world.now
            #expect(try await world.store.revokeAPIKey("key_a", at: first)?.revokedAt == first)
            let revoked = try await world.store.revokeAPIKey(b.prefix, at: first)
            #expect(revoked == b.with(revokedAt: first, lastUsedAt: nil))
            world.clock.advance(by: .seconds(1))
            #expect(try await world.store.revokeAPIKey("key_a", at: world.now)?.revokedAt == first)
            #expect(try await world.store.revokeAPIKey("key_c", at: world.now) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `the last use moves forward only, and is no change for others to read`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            try await world.store.addAPIKey(key("a", world))
            let revision = try await world.store.tokenRevision()
            let now = world.now
            try await world.store.noteUses(["key_a": now, "key_gone": now])
            try await world.store.noteUses(["key_a": now.advanced(by: .seconds(-1))])
            #expect(try await world.store.apiKeys(of: nil).map(\.lastUsedAt) == [now])
            #expect(try await world.store.tokenRevision() == revision)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `of one subject the latest revocation counts`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let (early, late) = (world.now, world.now.advanced(by: .seconds(9)))
            let tenant = TokenRevocation.Subject.tenant(.sample("acme"))
            for time in [early, late, early] { try await world.store.revoke(TokenRevocation(tenant, since: time)) }
            // A tenant and a token of the same name are two.
            try await world.store.revoke(TokenRevocation(.token("acme"), since: early))
            #expect(
                try await world.store.revocations()
                    == [TokenRevocation(tenant, since: late), TokenRevocation(.token("acme"), since: early)])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a tenant can be locked out however many tokens are revoked`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            func revoke(_ subject: TokenRevocation.Subject) async throws {
                try await world.store.revoke(TokenRevocation(subject, since: world.now), tokenLimit: 2)
            }
            try await revoke(.tenant(.sample("first")))
            for token in ["a", "b", "a"] { try await revoke(.token(token)) }
            await #expect(throws: JobStoreError.full(depth: 2, limit: 2)) { try await revoke(.token("c")) }
            for name in ["one", "two", "three"] { try await revoke(.tenant(.sample(name))) }
            #expect(
                try await world.store.revocations().map(\.subject.name).sorted()
                    == ["a", "b", "first", "one", "three", "two"])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `each change moves the revision and wakes who waits for it`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let store = world.store
            var seen: [Int] = [try await store.tokenRevision()]
            var woken = store.changeCount(.tokens)
            let changes: [() async throws -> Void] = [
                { try await store.addAPIKey(key("a", world)) },
                { _ = try await store.revokeAPIKey("key_a", at: world.now) },
                { try await store.revoke(TokenRevocation(.token("t"), since: world.now)) },
            ]
            for change in changes {
                try await change()
                seen.append(try await store.tokenRevision())
                #expect(store.changeCount(.tokens) > woken)
                woken = store.changeCount(.tokens)
            }
            #expect(Set(seen).count == 4 && seen == seen.sorted())
        }
    }

    @Test func `another process's revocation is read as soon as it is made`() async throws {
        try await withTemporaryFolder { folder in
            let (path, clock) = (folder + "/relay.sqlite", ManualClock())
            let here = try SQLiteJobStore.open(at: path, clock: clock)
            let there = try SQLiteJobStore.open(at: path, clock: clock)
            let before = try await here.tokenRevision()
            let revocation = TokenRevocation(.tenant(.sample("acme")), since: clock.timestamp)
            try await there.revoke(revocation)
            #expect(try await here.tokenRevision() != before)
            #expect(try await here.revocations() == [revocation])
        }
    }
}
