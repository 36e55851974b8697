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
            for id in ["c", "a", "b"] { try await store.put(key(id, sealed: Array(id.utf8))) }
            let page = try await store.sealedSecrets(of: .upstreamKey, after: "", limit: 2)
            #expect(page.map(\.id) == ["a", "b"] && page[0].sealed == Array("a".utf8))
            #expect(try await store.sealedSecrets(of: .upstreamKey, after: "b", limit: 2).map(\.id) == ["c"])
            try await store.put(key("b", sealed: [9]))  // replaced meanwhile
            try await store.reseal([(old: page[0], new: [7]), (old: page[1], new: [8])])
            #expect(try await store.keys().map(\.sealedSecret) == [[7], [9], Array("c".utf8)])
            let tenant = try #require(TenantID("acme"))
            let endpoint = WebhookEndpoint(
                id: "whe_1", tenant: tenant, url: "https://x.example", events: [.jobSucceeded],
                secret: EndpointSecret(sealed: [1], createdAt: world.now), createdAt: world.now)
            #expect(try await store.addEndpoint(endpoint, limit: 9))
            let rotation = SecretRotation(sealed: [3], previousExpiresAt: world.now.advanced(by: .seconds(60)))
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

    private func key(_ id: String, sealed: [UInt8]) -> StoredKey {
        StoredKey(
            id: id, organization: id, sealedSecret: sealed, rate: nil, createdAt: Timestamp(microseconds: 0))
    }
}
