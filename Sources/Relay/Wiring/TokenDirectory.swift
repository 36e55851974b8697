import Domain
import Logging
import Queue
import ServiceLifecycle
import Synchronization
import Telemetry
import Vault

/// Keeps the authority in step with the store: API keys and revocations of all processes, and when keys were used. Other
/// processes' changes are heard of at once by the store's bell, and within a second without it.
final class TokenDirectory: TokenDesk, Service {
    private static let useInterval = Duration.seconds(10)

    private let store: any JobStore & TokenStore
    private let authority: TokenAuthority
    private let logger: Logger
    /// What the authority knows.
    private let revision = Mutex<Int?>(nil)

    init(store: any JobStore & TokenStore, authority: TokenAuthority, logger: Logger) {
        self.store = store
        self.authority = authority
        self.logger = logger
    }

    func makeAPIKey(for caller: Caller, name: String, lifetime: Duration?) -> (secret: Secret, key: APIKey) {
        authority.makeAPIKey(for: caller, name: name, lifetime: lifetime)
    }

    func run() async throws {
        var savedAt = ContinuousClock.now
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let seen = store.changeCount(.tokens)
            await refresh()
            if ContinuousClock.now - savedAt >= Self.useInterval {
                await saveUses()
                savedAt = .now
            }
            await cancelWhenGracefulShutdown { [store] in
                await store.waitForChange(.tokens, since: seen, upTo: .seconds(1))
            }
        }
        await saveUses()
    }

    func refresh() async {
        do {
            try await load()
        } catch {
            logger.error(
                "API keys and revocations could not be read; what is known stays in force",
                metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Reads the store once, if it has changed.
    func load() async throws(JobStoreError) {
        // Before the lists: they may be newer than it, never older. If it cannot be read, the lists are looked at all the
        // same: what is revoked must not hold because a counter is damaged.
        let found = (try? await store.tokenRevision()) ?? .max
        guard found == .max || revision.withLock({ $0 }) != found else { return }
        let register = TokenRegister(
            keys: try await store.apiKeys(of: nil), revocations: try await store.revocations())
        revision.withLock { known in
            // Another call may have come back with newer lists meanwhile.
            guard known.map({ $0 < found }) ?? true else { return }
            authority.adopt(register)
            known = found == .max ? nil : found
        }
    }

    /// When a key was last used is worth no more than a try.
    private func saveUses() async {
        try? await store.noteUses(authority.takeUses())
    }
}
