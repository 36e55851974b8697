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
        var trouble: (revision: Int, error: RelayError)?
    }

    init(_ keeper: KeyringKeeper) {
        shared = SharedKeyring(keeper.keyring, revision: keeper.stored.revision)
        store = keeper.store
        state = Mutex(State(keeper: keeper, seen: keeper.stored.revision))
    }

    /// Why the store's present keyring does not open here; nil if it is known, as far as was looked.
    var trouble: RelayError? { state.withLock { $0.trouble?.error } }

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
        guard let stored = try await news() else { return }
        try await learn(stored)
    }

    /// The same for somebody who waits: for `limit` at most, and not at all for what has just been found not to open.
    func follow(within limit: Duration) async throws {
        guard let stored = try await news() else { return }
        if let trouble = state.withLock({ $0.trouble }), trouble.revision == stored.revision { throw trouble.error }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.learn(stored) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// nil if the store's keyring is known.
    private func news() async throws -> StoredKeyring? {
        let stored = try await store.keyring()
        return stored.flatMap { stored in state.withLock { $0.seen < stored.revision } ? stored : nil }
    }

    private func learn(_ stored: StoredKeyring) async throws {
        do {
            adopt(try await open(stored))
        } catch let error as RelayError {
            state.withLock { state in
                if state.seen < stored.revision { state.trouble = (stored.revision, error) }
            }
            throw error
        }
    }

    private func open(_ stored: StoredKeyring) async throws -> KeyringKeeper {
        let keeper = state.withLock { $0.keeper }
        let sealed = try SealedKeyring(bytes: stored.sealed)
        guard let keyring = try? sealed.open(with: keeper.master, from: keeper.locker.source.text) else {
            // With another master key, if there is one by now.
            return try await KeyringKeeper.open(store, locker: keeper.locker)
        }
        return KeyringKeeper(
            store: store, locker: keeper.locker, master: keeper.master, keyring: keyring, stored: stored)
    }

    /// Whoever learns an older one meanwhile does not take this one back.
    private func adopt(_ keeper: KeyringKeeper) {
        state.withLock { state in
            guard state.seen < keeper.stored.revision else { return }
            shared.adopt(keeper.keyring, revision: keeper.stored.revision)
            state = State(keeper: keeper, seen: keeper.stored.revision, trouble: nil)
        }
    }
}
