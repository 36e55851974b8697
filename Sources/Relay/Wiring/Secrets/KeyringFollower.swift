import Domain
import Queue
import Synchronization
import Vault

/// Keeps the process's keyring in step with the store's, so that keys may be rotated while it runs.
final class KeyringFollower: Sendable {
    let shared: SharedKeyring
    private let store: any KeyringStore
    private let state: Mutex<State>

    private struct State {
        var keeper: KeyringKeeper
        /// The newest revision that was opened.
        var seen: Int
    }

    init(_ keeper: KeyringKeeper) {
        shared = SharedKeyring(keeper.keyring, revision: keeper.stored.revision)
        store = keeper.store
        state = Mutex(State(keeper: keeper, seen: keeper.stored.revision))
    }

    /// Runs `work`, which seals and stores: again, with the store's new keys, if they change in between.
    func sealing<Value>(_ work: () async throws -> Value) async throws -> Value {
        for _ in 0..<3 {
            do {
                return try await work()
            } catch JobStoreError.keyringChanged {
                try await follow()
            }
        }
        return try await work()
    }

    /// Reads the store's keyring if it has changed. What does not open changes nothing: what is known stays in use, and the
    /// next call tries again.
    func follow() async throws {
        guard let stored = try await store.keyring() else { return }
        let state = state.withLock { $0 }
        guard stored.revision != state.seen else { return }
        let sealed = try SealedKeyring(bytes: stored.sealed)
        if let keyring = try? sealed.open(with: state.keeper.master, from: state.keeper.locker.source.text) {
            shared.adopt(keyring, revision: stored.revision)
            return self.state.withLock { $0.seen = stored.revision }
        }
        let keeper = try await KeyringKeeper.open(store, locker: state.keeper.locker)
        shared.adopt(keeper.keyring, revision: keeper.stored.revision)
        self.state.withLock { $0 = State(keeper: keeper, seen: keeper.stored.revision) }
    }
}
