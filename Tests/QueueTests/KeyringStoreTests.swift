import Domain
import Queue
import Testing

struct KeyringStoreTests {
    @Test(arguments: StoreUnderTest.all)
    func `a keyring takes the place of no other than the one that was read`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let store = world.store
            #expect(try await store.keyring() == nil)
            #expect(try await store.putKeyring([1], replacing: nil))
            #expect(try await !store.putKeyring([2], replacing: nil))
            let first = try #require(try await store.keyring())
            #expect(first.sealed == [1])
            #expect(try await store.putKeyring([3], replacing: first.revision))
            #expect(try await !store.putKeyring([4], replacing: first.revision))
            let second = try #require(try await store.keyring())
            #expect(second.sealed == [3] && second.revision > first.revision)
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `sealed secrets are listed by pages and changed only where they still stand`(
        _ kind: StoreUnderTest
    ) async throws {
        try await kind.run { world in
            let store = world.store
            for id in ["c", "a", "b"] { try await store.put(key(id, sealed: Array(id.utf8)), sealedUnder: 1) }
            let page = try await store.sealedSecrets(of: .upstreamKey, after: "", limit: 2)
            #expect(page.map(\.id) == ["a", "b"] && page[0].sealed == Array("a".utf8))
            #expect(try await store.sealedSecrets(of: .upstreamKey, after: "b", limit: 2).map(\.id) == ["c"])
            try await store.put(key("b", sealed: [9]), sealedUnder: 1)  // replaced meanwhile
            try await store.reseal([(old: page[0], new: [7]), (old: page[1], new: [8])])
            #expect(try await store.keys().map(\.sealedSecret) == [[7], [9], Array("c".utf8)])
            let tenant = try #require(TenantID("acme"))
            let endpoint = WebhookEndpoint(
                id: "whe_1", tenant: tenant, url: "https://x.example", events: [.jobSucceeded],
                secret: EndpointSecret(sealed: [1], createdAt: world.now), createdAt: world.now)
            #expect(try await store.addEndpoint(endpoint, sealedUnder: 1, limit: 9))
            let rotation = SecretRotation(
                sealed: [3], sealedUnder: 1, previousExpiresAt: world.now.advanced(by: .seconds(60)))
            _ = try await store.changeEndpoint("whe_1", of: nil, EndpointChange(rotation: rotation), at: world.now)
            let old = try #require(
                try await store.sealedSecrets(of: .previousWebhookSecret, after: "", limit: 10).first)
            let secret = try #require(
                try await store.sealedSecrets(of: .webhookEndpoint, after: "", limit: 10).first)
            #expect(old.sealed == [1] && secret.sealed == [3])
            try await store.reseal([(old: secret, new: [2]), (old: old, new: [4])])
            #expect(try await store.endpoints(of: tenant, after: nil, limit: 1000).map(\.secret.sealed) == [[2]])
            #expect(try await store.endpoints(of: tenant, after: nil, limit: 1000).map(\.previous?.sealed) == [[4]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `a secret is stored only if the store's keyring is the one that sealed it`(_ kind: StoreUnderTest) async throws
    {
        try await kind.run { world in
            let store = world.store
            #expect(try await store.putKeyring([1], replacing: nil))
            try await store.put(key("a", sealed: [1]), sealedUnder: 1)
            let endpoint = try await world.addEndpoint("whe_1")
            #expect(try await store.putKeyring([2], replacing: 1))
            await #expect(throws: JobStoreError.keyringChanged) {
                try await store.put(key("a", sealed: [2]), sealedUnder: 1)
            }
            await #expect(throws: JobStoreError.keyringChanged) { try await world.addEndpoint("whe_2") }
            let rotation = SecretRotation(sealed: [9], sealedUnder: 1, previousExpiresAt: world.now)
            await #expect(throws: JobStoreError.keyringChanged) {
                try await store.changeEndpoint("whe_1", of: nil, EndpointChange(rotation: rotation), at: world.now)
            }
            #expect(try await store.keys().map(\.sealedSecret) == [[1]])
            #expect(try await store.endpoints(of: nil, after: nil, limit: 1000) == [endpoint])
            try await store.put(key("a", sealed: [2]), sealedUnder: 2)
            #expect(try await store.keys().map(\.sealedSecret) == [[2]])
        }
    }

    @Test(arguments: StoreUnderTest.all)
    func `keys are dropped only when no secret of any kind lacks the mark`(_ kind: StoreUnderTest) async throws {
        try await kind.run { world in
            let store = world.store
            #expect(try await store.putKeyring([1], replacing: nil))
            try await store.put(key("a", sealed: [7, 7, 1]), sealedUnder: 1)
            try await store.put(key("b", sealed: [7, 8, 1]), sealedUnder: 1)
            _ = try await world.addEndpoint("whe_1")  // [1, 2, 3]
            let rotation = SecretRotation(sealed: [7, 7], sealedUnder: 1, previousExpiresAt: world.now)
            _ = try await store.changeEndpoint("whe_1", of: nil, EndpointChange(rotation: rotation), at: world.now)
            func retire(_ revision: Int) async throws -> KeyRetirement {
                try await store.retireKeys(leaving: [3], replacing: revision, mark: [7, 7])
            }
            let outcome = try await retire(1)
            guard case .needed(let left) = outcome else { throw Unexpected(what: "\(outcome)") }
            #expect(left.map(\.kind) == [.upstreamKey, .previousWebhookSecret] && left.map(\.id) == ["b", "whe_1"])
            try await store.reseal(left.map { ($0, [7, 7, 9]) })
            #expect(try await retire(2) == .outrun)
            #expect(try await store.keyring()?.sealed == [1])
            #expect(try await retire(1) == .done)
            #expect(try await store.keyring() == StoredKeyring(revision: 2, sealed: [3]))
        }
    }

    private func key(_ id: String, sealed: [UInt8]) -> StoredKey {
        StoredKey(
            id: id, organization: id, sealedSecret: sealed, rate: nil, createdAt: Timestamp(microseconds: 0))
    }
}
