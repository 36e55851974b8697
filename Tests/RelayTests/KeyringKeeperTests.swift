import Domain
import FoundationEssentials
import Queue
import TestSupport
import Testing
import Vault

@testable import Relay

@Suite struct KeyringKeeperTests {
    private func withWorld(
        _ body: (any KeyringStore & KeyStore, MasterKeyLocker, DataFolder) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { path in
            let folder = try DataFolder(preparing: path)
            let locker = try folder.locker("", Settings())
            try await body(MemoryJobStore(clock: ManualClock()), locker, folder)
        }
    }

    private func add(_ id: String, to store: any KeyringStore & KeyStore, _ sealer: SecretSealer) async throws {
        let sealed = try sealer.seal(Secret(id), for: KeyDirectory.owner(id))
        try await store.put(.sample(id, sealed: sealed), sealedUnder: store.keyring()?.revision ?? 1)
    }

    @Test func `a store gets one keyring, and every later opening finds the same`() async throws {
        try await withWorld { store, locker, _ in
            let first = try await KeyringKeeper.open(store, locker: locker)
            let second = try await KeyringKeeper.open(store, locker: locker)
            #expect(first.keyring.names == second.keyring.names && first.stored == second.stored)
        }
    }

    @Test func `a missing master key is never replaced by a new one`() async throws {
        try await withWorld { store, locker, folder in
            _ = try await KeyringKeeper.open(store, locker: locker)
            try FileManager.default.removeItem(atPath: folder.path + "/master.key")
            let error = await #expect(throws: RelayError.self) { try await KeyringKeeper.open(store, locker: locker) }
            #expect(error?.code == .masterKeyUnusable && error?.message.contains("is missing") == true)
            #expect(!FileManager.default.fileExists(atPath: folder.path + "/master.key"))
        }
    }

    @Test func `a store from before keyrings must open with its master key, and then does`() async throws {
        try await withWorld { store, locker, folder in
            let master = try MasterKey.load(orCreateAt: folder.path + "/master.key")
            try await add("a", to: store, SecretSealer(master: master))
            try FileManager.default.moveItem(atPath: folder.path + "/master.key", toPath: folder.path + "/safe")
            await #expect(throws: RelayError.self) { try await KeyringKeeper.open(store, locker: locker) }
            _ = try MasterKey.load(orCreateAt: folder.path + "/master.key")
            await #expect(throws: RelayError.self) { try await KeyringKeeper.open(store, locker: locker) }
            #expect(try await store.keyring() == nil)
            try FileManager.default.removeItem(atPath: folder.path + "/master.key")
            try FileManager.default.moveItem(atPath: folder.path + "/safe", toPath: folder.path + "/master.key")
            let keeper = try await KeyringKeeper.open(store, locker: locker)
            #expect(keeper.keyring.root.fingerprint == master.fingerprint)
        }
    }

    @Test func `a rotation opens after each of its steps, and follows into a running process`() async throws {
        try await withWorld { store, locker, _ in
            var keeper = try await KeyringKeeper.open(store, locker: locker)
            let old = keeper.master
            let follower = KeyringFollower(keeper)
            for number in 0..<250 { try await add("k\(number)", to: store, SecretSealer(keyring: follower.shared)) }
            let next = try #require(try await locker.prepareNext())
            keeper = try await keeper.replace(
                with: keeper.keyring.renewed(), for: [(old, "a"), (next, "b")], master: next)
            #expect(try await KeyringKeeper.open(store, locker: locker).master.fingerprint == old.fingerprint)
            try locker.publishNext()
            #expect(try await KeyringKeeper.open(store, locker: locker).master.fingerprint == next.fingerprint)
            try await follower.follow()
            #expect(try await keeper.rewrap() == 250)
            #expect(try await keeper.rewrap() == 0)
            #expect(try await keeper.retireOldKeys {} == 0)
            keeper = try await KeyringKeeper.open(store, locker: locker)
            #expect(keeper.keyring.names.count == 1)
            try await follower.follow()
            #expect(try await keeper.count() == (250, 0))
            for sealer in [
                SecretSealer(keyring: follower.shared), SecretSealer(keyring: SharedKeyring(keeper.keyring)),
            ] {
                for key in try await store.keys() {
                    #expect(try sealer.open(key.sealedSecret, for: KeyDirectory.owner(key.id)) == Secret(key.id))
                }
            }
        }
    }

    @Test func `a writer that stalls over a rotation is refused, and stores under the new key when it seals anew`()
        async throws
    {
        try await withWorld { store, locker, _ in
            let keeper = try await KeyringKeeper.open(store, locker: locker)
            let writer = KeyringFollower(keeper)
            var stalls = true
            try await writer.sealing {
                let revision = writer.shared.revision
                let sealed = try SecretSealer(keyring: writer.shared).seal(Secret("s"), for: KeyDirectory.owner("late"))
                if stalls { try await rotate(keeper) }
                stalls = false
                try await store.put(.sample("late", sealed: sealed), sealedUnder: revision)
            }
            let after = try await KeyringKeeper.open(store, locker: locker)
            #expect(after.keyring.names != keeper.keyring.names && after.keyring.names.count == 1)
            let stored = try #require(try await store.keys().first).sealedSecret
            let opened = try SecretSealer(keyring: SharedKeyring(after.keyring))
                .open(stored, for: KeyDirectory.owner("late"))
            #expect(opened == Secret("s"))
        }
    }

    @Test func `a keyring that does not open here is told, and no more once it does`() async throws {
        try await withWorld { store, locker, folder in
            let keeper = try await KeyringKeeper.open(store, locker: locker)
            let follower = KeyringFollower(keeper)
            #expect(follower.trouble == nil)
            let other = try MasterKey.load(orCreateAt: folder.path + "/other.key")
            let moved = try await keeper.replace(with: keeper.keyring.renewed(), for: [(other, "other")], master: other)
            for _ in 0..<2 {
                let error = await #expect(throws: RelayError.self) { try await follower.follow(within: .seconds(60)) }
                #expect(error?.code == .masterKeyMismatch && follower.trouble == error)
            }
            #expect(follower.shared.keyring.names == keeper.keyring.names && follower.shared.revision == 1)
            _ = try await moved.replace(with: moved.keyring, for: [(other, "other"), (keeper.master, "own")])
            try await follower.follow(within: .seconds(60))
            #expect(follower.trouble == nil && follower.shared.revision == 3)
        }
    }

    /// Gives the store a new sealing key and drops the old one.
    private func rotate(_ keeper: KeyringKeeper) async throws {
        let renewed = try await keeper.replace(with: keeper.keyring.renewed(), for: [(keeper.master, "a")])
        _ = try await renewed.retireOldKeys {}
    }

    @Test func `what an earlier version stores while keys rotate is found before they are dropped`() async throws {
        try await withWorld { store, locker, _ in
            let keeper = try await KeyringKeeper.open(store, locker: locker)
            let careless = SecretSealer(keyring: SharedKeyring(keeper.keyring))
            let renewed = try await keeper.replace(with: keeper.keyring.renewed(), for: [(keeper.master, "a")])
            var pauses = 0
            let late = LateStore(
                base: store,
                coming: try ["late", "later"].map {
                    .sample($0, sealed: try careless.seal(Secret($0), for: KeyDirectory.owner($0)))
                })
            let watched = KeyringKeeper(
                store: late, locker: locker, master: renewed.master, keyring: renewed.keyring, stored: renewed.stored)
            #expect(try await watched.retireOldKeys { pauses += 1 } == 2)
            #expect(pauses == 3)
            #expect(try await KeyringKeeper.open(store, locker: locker).count() == (2, 0))
        }
    }

    @Test func `a secret that no key opens keeps the old keys, by name`() async throws {
        try await withWorld { store, locker, _ in
            let keeper = try await KeyringKeeper.open(store, locker: locker)
            try await add("fine", to: store, SecretSealer(keyring: SharedKeyring(keeper.keyring)))
            try await store.put(.sample("broken", sealed: [2, 1, 2]), sealedUnder: 1)
            let renewed = try await keeper.replace(with: keeper.keyring.renewed(), for: [(keeper.master, "a")])
            var pauses = 0
            let error = await #expect(throws: RelayError.self) { try await renewed.retireOldKeys { pauses += 1 } }
            #expect(error?.message.contains(": key broken. ") == true && error?.remedy.contains("keys add") == true)
            #expect(pauses == 5)
            #expect(try await KeyringKeeper.open(store, locker: locker).keyring.names.count == 2)
            _ = try await store.removeKey("broken")
            #expect(try await renewed.retireOldKeys {} == 0)
        }
    }

    @Test func `of two that change the keyring at once one is refused`() async throws {
        try await withWorld { store, locker, _ in
            let first = try await KeyringKeeper.open(store, locker: locker)
            let second = try await KeyringKeeper.open(store, locker: locker)
            _ = try await first.replace(with: first.keyring.renewed(), for: [(first.master, "a")])
            await #expect(throws: RelayError.self) {
                try await second.replace(with: second.keyring.renewed(), for: [(second.master, "a")])
            }
        }
    }

    @Test(arguments: [
        ("", MasterKeySource.file("d/master.key")), ("file:/x", .file("/x")), ("credential:a", .credential("a")),
        ("kms:alias/relay", .kms("alias/relay")), ("kms:arn:aws:kms:eu:1:key/2", .kms("arn:aws:kms:eu:1:key/2")),
    ])
    func `the place of a master key is read as it is written`(text: String, source: MasterKeySource) throws {
        #expect(try MasterKeySource(text, in: "d") == source)
        #expect(try MasterKeySource(source.text, in: "d") == source)
    }

    @Test(arguments: ["file:", "/x", "kms:", "kms:a b", "credential:../x", "vault:x"])
    func `another place is refused with what is allowed`(text: String) {
        let error = #expect(throws: RelayError.self) { try MasterKeySource(text, in: "d") }
        #expect(error?.message.contains("file:PATH, credential:NAME and kms:KEY-ID") == true)
    }
}
