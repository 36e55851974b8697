import Domain
@testable import Queue
import Synchronization
import TestSupport
import Testing

/// A process that seals payloads while another one changes the store's keyring.
struct ChangedKeyringTests {
    /// What a process does to learn the keyring.
    enum Learning: CaseIterable {
        case works, fails, isOutrun
    }

    private struct Refusal: Error {}

    private let clock = ManualClock()

    /// - Parameter body: gets a store whose keyring has revision 2 and a sealer that knows the first, and how often the
    ///   second was learnt.
    private func withWorld(
        _ learning: Learning = .works, seals: Bool = true, _ body: (World, @Sendable () -> Int) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let store = try SQLiteJobStore.open(at: folder + "/relay.sqlite", clock: clock)
            try await renewKeyring(of: store)
            let (sealer, count) = (MaskingSealer(), Count())
            store.keepPayloads(
                with: PayloadKeeping(sealer: sealer, isOn: seals) {
                    count.value.withLock { $0 += 1 }
                    switch learning {
                    case .works: sealer.learn(2)
                    case .fails: throw Refusal()
                    case .isOutrun: break
                    }
                })
            try await body(World(store: store, clock: clock)) { count.value.withLock { $0 } }
        }
    }

    /// It has revision 2 afterwards.
    private func renewKeyring(of store: SQLiteJobStore) async throws {
        #expect(try await store.putKeyring([1], replacing: nil))
        #expect(try await store.putKeyring([2], replacing: 1))
    }

    private final class Count: Sendable {
        let value = Mutex(0)
    }

    @Test func `a submission, a bulk and a batch of tenants without a data key are taken at the first try`()
        async throws
    {
        try await withWorld { world, learnt in
            _ = try await world.submit(.sample(tenant: .sample("one"), at: world.now))
            #expect(learnt() == 1)
            let many = (0..<9).map { NewJob.sample(tenant: .sample("bulk\($0)"), at: world.now) }
            #expect(try await world.store.submit(many) == many.map { .accepted($0.id) })
            let batch = try await world.accept("a", "b")
            #expect(try await world.batch(batch).total == 2)
            #expect(learnt() == 1)
            #expect(try await world.problems() == [])
        }
    }

    @Test func `the first sealed batch of a tenant is received, keys changed or not`() async throws {
        try await withWorld { world, learnt in
            let batch = try await world.accept("a", "b")
            #expect(try await world.batch(batch).total == 2)
            #expect(learnt() == 1)
        }
    }

    @Test func `an answer that is the first to be sealed of its tenant is recorded once`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/relay.sqlite"
            let plain = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            let id = try await plain.submit()
            let lease = try await plain.claimOne()
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            try await renewKeyring(of: store)
            let sealer = MaskingSealer()
            store.keepPayloads(with: PayloadKeeping(sealer: sealer, isOn: true) { sealer.learn(2) })
            let world = World(store: store, clock: clock)
            try await world.settle(lease, .ended(.succeeded, .sample(body: "answer")))
            #expect(try await store.result(of: id, tenant: nil)?.body == Array("answer".utf8))
            #expect(try await store.attempts(of: id).count == 1)
            await #expect(throws: JobStoreError.leaseLost(lease)) { try await world.finish(lease) }
        }
    }

    @Test(arguments: [Learning.fails, .isOutrun])
    func `keys that cannot be learnt, or change each time, end in an error, and nothing is stored`(_ learning: Learning)
        async throws
    {
        try await withWorld(learning) { world, learnt in
            await #expect(throws: JobStoreError.keyringChanged) { try await world.submit() }
            #expect(learnt() == (learning == .fails ? 1 : 2))
            let counts = try await world.store.counts(of: nil)
            #expect(counts[.queued] == 0)
        }
    }

    @Test func `a worker learns the keyring that another process has sealed under, and claims at the first try`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let path = folder + "/relay.sqlite"
            let (renewed, behind) = (MaskingSealer(), LateSealer())
            renewed.learn(2)
            let api = try SQLiteJobStore.open(at: path, clock: clock)
            try await renewKeyring(of: api)
            api.keepPayloads(with: PayloadKeeping(sealer: renewed, isOn: true))
            let id = try await World(store: api, clock: clock).submit()
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            store.keepPayloads(with: PayloadKeeping(sealer: behind, isOn: true) { behind.learn() })
            #expect(try await World(store: store, clock: clock).claim(9).map(\.lease.job) == [id])
        }
    }

    @Test func `a process that seals nothing learns nothing`() async throws {
        try await withWorld(seals: false) { world, learnt in
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
            #expect(learnt() == 0)
        }
    }
}

/// Opens nothing before it has learnt the keyring of revision 2.
private final class LateSealer: PayloadSealer {
    private let base = MaskingSealer()
    var keyringRevision: Int { base.keyringRevision }

    func learn() {
        base.learn(2)
    }

    func makeKey(for tenant: TenantID) throws(RelayError) -> MadePayloadKey {
        try base.makeKey(for: tenant)
    }

    func openKey(
        _ sealed: [UInt8], named name: PayloadKeyName, of tenant: TenantID
    ) throws(RelayError) -> any PayloadKey {
        guard keyringRevision == 2 else { throw .payloadKeyless }
        return try base.openKey(sealed, named: name, of: tenant)
    }
}
