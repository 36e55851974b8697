import Domain
import FoundationEssentials
import Queue
import TestSupport
import Testing
import Vault

@testable import Relay

/// Payloads in a real store under real keys: what rests, what a backup opens, what a rotation changes.
@Suite struct TenantDataKeyTests {
    private static let canary = "XYZZY-canary-8f3a"
    private let clock = ManualClock()

    private struct World {
        let folder: DataFolder
        let store: SQLiteJobStore
        let keeper: KeyringKeeper
    }

    private func open(_ path: String, seals: Bool = true) async throws -> World {
        let folder = try DataFolder(preparing: path)
        var settings = Settings()
        settings.encryptPayloads = seals
        let store = try folder.openStore(settings)
        return World(folder: folder, store: store, keeper: try await folder.openKeyring(of: store, settings))
    }

    /// One job whose request, metadata and answer hold the canary.
    private func finishOne(_ world: World) async throws -> JobID {
        let text = Array(#"{"x":"\#(Self.canary)"}"#.utf8)
        let job = NewJob.sample(at: clock.timestamp, body: text, metadata: text)
        #expect(try await world.store.submit([job]) == [.accepted(job.id)])
        let claims = try await world.store.claim(
            limit: 1, bytes: .max, by: "w", at: clock.timestamp, for: .seconds(9))
        let claim = try #require(claims.first)
        #expect(claim.body == text)
        let result = JobResult(status: 200, headers: [], body: text)
        try await world.store.settle(
            Settlement(
                lease: claim.lease, outcome: .ended(.succeeded, result),
                attempt: .sample(claim.lease, at: clock.timestamp)))
        return job.id
    }

    private func answer(_ id: JobID, _ store: SQLiteJobStore) async throws -> String? {
        try await store.result(of: id, tenant: nil).map { String(decoding: $0.body, as: UTF8.self) }
    }

    /// Files of the folder that hold the canary.
    private func findings(_ path: String) throws -> [String] {
        let canary = Array(Self.canary.utf8)
        return try FileManager.default.contentsOfDirectory(atPath: path).filter { name in
            guard let content = FileManager.default.contents(atPath: "\(path)/\(name)") else { return false }
            return Array(content).firstRange(of: canary) != nil
        }.sorted()
    }

    @Test(arguments: [true, false])
    func `nothing of a payload stands in the store, its log or a backup, if payloads are encrypted`(seals: Bool)
        async throws
    {
        try await withTemporaryFolder { path in
            let world = try await open(path, seals: seals)
            let id = try await finishOne(world)
            try SQLiteJobStore.backUp(world.folder.queuePath, to: path + "/copy.sqlite") { _, _ in }
            let found = try findings(path)
            #expect(seals ? found.isEmpty : found.contains("copy.sqlite") && found.contains("relay.sqlite-wal"))
            #expect(try await answer(id, world.store)?.contains(Self.canary) == true)
            #expect(try await world.store.job(id, of: nil)?.metadata != nil)
        }
    }

    @Test func `keys that rotate wrap tenants' data keys anew, and what was sealed before still opens`() async throws {
        try await withTemporaryFolder { path in
            let world = try await open(path)
            let id = try await finishOne(world)
            let next = try #require(try await world.keeper.locker.prepareNext())
            var keeper = try await world.keeper.replace(
                with: world.keeper.keyring.renewed(), for: [(world.keeper.master, "a"), (next, "b")], master: next)
            try keeper.locker.publishNext()
            #expect(try await keeper.count() == (0, 1))
            #expect(try await keeper.rewrap() == 1)
            keeper = try await keeper.replace(with: keeper.keyring.withoutRetired, for: [(next, "b")])
            #expect(try await keeper.count() == (1, 0))
            let reopened = try await open(path)
            #expect(try await answer(id, reopened.store)?.contains(Self.canary) == true)
        }
    }

    @Test func `a process that meets a rotation seals under the new keys without being told of them`() async throws {
        try await withTemporaryFolder { path in
            let world = try await open(path)
            var settings = Settings()
            settings.encryptPayloads = true
            world.store.keepPayloads(with: settings.payloadKeeping(following: KeyringFollower(world.keeper)))
            let first = try await finishOne(world)
            let other = try await open(path)
            try await rotate(other.keeper)
            let job = NewJob.sample(tenant: .sample("new"), at: clock.timestamp)
            #expect(try await world.store.submit([job]) == [.accepted(job.id)])
            let later = try await open(path)
            #expect(try await later.keeper.count() == (1, 1))
            #expect(try await later.keeper.rewrap() == 1)
            #expect(try await answer(first, world.store)?.contains(Self.canary) == true)
        }
    }

    @Test func `a backup from before an erasure opens with the master key of its time, and with no later one`()
        async throws
    {
        try await withTemporaryFolder { path in
            let first = try await open(path + "/live")
            #expect(first.keeper.isFirstMaster)
            try await rotate(first.keeper)
            let world = try await open(path + "/live")
            #expect(!world.keeper.isFirstMaster)
            let id = try await finishOne(world)
            let backup = path + "/backup"
            _ = try DataFolder(preparing: backup)
            try SQLiteJobStore.backUp(world.folder.queuePath, to: backup + "/relay.sqlite") { _, _ in }
            #expect(try await world.store.erase(.sample(), at: clock.timestamp)?.hasDataKey == true)
            await #expect(throws: JobStoreError.erased) { try await answer(id, world.store) }
            let old = path + "/live/master.key"
            try FileManager.default.copyItem(atPath: old, toPath: backup + "/master.key")
            #expect(try await answer(id, open(backup).store)?.contains(Self.canary) == true)

            try await rotate(world.keeper)  // that master key is gone from here on
            try FileManager.default.removeItem(atPath: backup + "/master.key")
            try FileManager.default.copyItem(atPath: old, toPath: backup + "/master.key")
            let error = await #expect(throws: RelayError.self) { try await open(backup) }
            #expect(error?.code == .masterKeyMismatch)
        }
    }

    /// To another master key, without what the old one has wrapped.
    private func rotate(_ keeper: KeyringKeeper) async throws {
        let next = try #require(try await keeper.locker.prepareNext())
        _ = try await keeper.replace(with: keeper.keyring.renewed(), for: [(next, "next")], master: next)
        try keeper.locker.publishNext()
    }

    @Test func `a tenant's data key opens for no other tenant, and for no other name`() throws {
        let keyring = SharedKeyring(
            Keyring(foundedOn: try #require(MasterKey(Secret(bytes: [UInt8](repeating: 1, count: 32))))))
        let vault = DataKeyVault(keyring: keyring)
        let (mine, other) = (try vault.makeKey(for: .sample()), try vault.makeKey(for: .sample("other")))
        let opened = try vault.openKey(mine.sealed, named: mine.key.name, of: .sample())
        let place = PayloadPlace(.result, of: "job_1")
        let box = try mine.key.seal([1, 2, 3], as: place)
        #expect(box.count == 3 + PayloadKeeping.boxOverhead && opened.open(box, as: place) == [1, 2, 3])
        #expect(opened.open(box, as: PayloadPlace(.request, of: "job_1")) == nil)
        #expect(opened.open(box, as: PayloadPlace(.result, of: "job_2")) == nil)
        #expect(other.key.open(box, as: place) == nil)
        for (sealed, name) in [(other.sealed, other.key.name), (mine.sealed, other.key.name)] {
            let error = #expect(throws: RelayError.self) { try vault.openKey(sealed, named: name, of: .sample()) }
            #expect(error?.code == .sealedValueUnreadable)
        }
    }

    @Test func `a store whose keyring is not open says so instead of giving what is sealed`() async throws {
        try await withTemporaryFolder { path in
            let id = try await finishOne(try await open(path))
            let closed = try DataFolder(existing: path).openStore(Settings())
            await #expect(throws: JobStoreError.unreadable(.payloadKeyless)) { try await answer(id, closed) }
            #expect(try await closed.job(id, of: nil)?.metadata == nil)
        }
    }
}
