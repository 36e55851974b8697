import Domain
import Logging
import Queue
import TestSupport
import Testing
import Vault

@testable import Relay

@Suite struct KeyDirectoryTests {
    @Test func `a key whose new form does not open stays in use as it was, and is tried again`() async throws {
        try await withTemporaryFolder { path in
            let folder = try DataFolder(preparing: path)
            let store = MemoryJobStore(clock: ManualClock())
            let keeper = try await KeyringKeeper.open(store, locker: folder.locker("", Settings()))
            let directory = KeyDirectory(
                store: store, keyring: KeyringFollower(keeper), environmentKey: nil,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let sealer = SecretSealer(keyring: SharedKeyring(keeper.keyring))
            let (first, other) = (
                try sealer.seal(Secret("one"), for: KeyDirectory.owner("a")), [UInt8](repeating: 2, count: 99)
            )
            try await store.put(.sample("a", sealed: first), sealedUnder: 1)
            try await store.put(.sample("new", sealed: other), sealedUnder: 1)
            try await directory.refresh()
            #expect(directory.keys().map(\.secret) == [Secret("one")])

            // Sealed by a key that this process cannot learn yet: the keyring is stored after the secret.
            let renewed = try keeper.keyring.renewed()
            let second = try SecretSealer(keyring: SharedKeyring(renewed)).seal(
                Secret("two"), for: KeyDirectory.owner("a"))
            try await store.put(.sample("a", sealed: second), sealedUnder: 1)
            try await directory.refresh()
            #expect(directory.keys().map(\.secret) == [Secret("one")])
            _ = try await keeper.replace(with: renewed, for: [(keeper.master, "a")])
            try await directory.refresh()
            #expect(directory.keys().map(\.secret) == [Secret("two")])
            _ = try await store.removeKey("a")
            try await directory.refresh()
            #expect(directory.keys().isEmpty)
        }
    }
}
