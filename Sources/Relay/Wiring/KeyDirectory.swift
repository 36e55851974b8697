import Domain
import Logging
import Queue
import ServiceLifecycle
import Synchronization
import Telemetry
import Upstream
import Vault

/// The upstream keys in use: those of the store, opened, and one from the environment. Follows the store and its keyring
/// within a second, so that `relay keys` and `relay vault` work while the service runs.
final class KeyDirectory: UpstreamKeyring, Service {
    private let store: any KeyStore
    private let keyring: KeyringFollower
    private let environmentKey: UpstreamKey?
    private let logger: Logger
    private let state = Mutex<State>(State())

    private struct State {
        var keys: [UpstreamKey] = []
        /// What the store held when all of it opened; nil to try again.
        var stored: [StoredKey]?
        /// What did not open and has been said to the log.
        var closed: Set<StoredKey> = []
    }

    /// Of the keyring, as the log has it; nil for none.
    private let trouble = Mutex<String?>(nil)

    /// - Parameter environmentKey: what `ANTHROPIC_API_KEY` holds; a stored key of the same id goes before it.
    init(store: any KeyStore, keyring: KeyringFollower, environmentKey: Secret?, logger: Logger) {
        self.store = store
        self.keyring = keyring
        self.logger = logger
        self.environmentKey = environmentKey.map {
            UpstreamKey(id: "default", organization: "default", secret: $0, rate: nil)
        }
    }

    func keys() -> [UpstreamKey] {
        state.withLock { $0.keys }
    }

    func run() async throws {
        while !Task.isCancelled {
            do {
                try await refresh()
            } catch {
                logger.error(
                    "upstream keys could not be read; the known ones stay in use", metadata: ["error": "\(error)"])
            }
            await rest(for: .seconds(1))
            if Task.isShuttingDownGracefully { return }
        }
    }

    /// Reads the store once. A key that does not open is logged, stays in use as it was before, if it was, and is tried again.
    func refresh() async throws {
        let stored = try await store.keys()
        await followKeyring()  // after the keys: what they are sealed with is then known
        let known = state.withLock { $0 }
        guard known.stored != stored || known.keys.isEmpty else { return }
        var (keys, closed) = ([UpstreamKey](), Set<StoredKey>())
        for key in stored {
            do {
                keys.append(try open(key))
            } catch {
                closed.insert(key)
                if let last = known.keys.first(where: { $0.id == key.id }) { keys.append(last) }
                guard !known.closed.contains(key) else { continue }
                logger.error("an upstream key does not open", metadata: ["key": "\(key.id)", "error": "\(error)"])
            }
        }
        if let environmentKey, !keys.contains(where: { $0.id == environmentKey.id }) { keys.append(environmentKey) }
        state.withLock { [keys, closed] in
            $0 = State(keys: keys, stored: closed.isEmpty ? stored : nil, closed: closed)
        }
    }

    /// Says once what keeps this process from the store's keyring, and when it is known again.
    private func followKeyring() async {
        do {
            try await keyring.follow()
            if trouble.withLock({ $0.take() }) != nil { logger.info("the store's keyring is known again") }
        } catch {
            let words = "\(error)"
            let isNew = trouble.withLock { last in
                defer { last = words }
                return last != words
            }
            guard isNew else { return }
            logger.error(
                "the store's new keyring does not open here; the known one stays in use until this relay can open it",
                metadata: [LogKey.error: "\(words)"])
        }
    }

    private func open(_ key: StoredKey) throws(RelayError) -> UpstreamKey {
        let secret = try SecretSealer(keyring: keyring.shared).open(key.sealedSecret, for: Self.owner(key.id))
        return UpstreamKey(
            id: key.id, organization: key.organization, workspace: key.workspace, secret: secret, rate: key.rate)
    }

    /// What an upstream key's sealed secret is bound to.
    static func owner(_ id: String) -> String {
        "upstream-key:\(id)"
    }
}
