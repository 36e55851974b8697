import Domain
import Logging
import Queue
import Telemetry
import Vault

extension DataFolder {
    /// Opens the queue, making it if there is none.
    /// - Parameter logger: told when the store cannot be written any more, and when it can again.
    func openStore(_ settings: Settings, logger: Logger? = nil) throws(RelayError) -> SQLiteJobStore {
        do {
            return try SQLiteJobStore.open(
                at: queuePath, configuration: JobStoreConfiguration(maxDepth: settings.queueDepth),
                clock: ContinuousClock(),
                audit: AuditKeeping(sealer: UnopenedAuditChain(), wall: SystemClock()),
                onHealth: { detail in
                    if let detail {
                        logger?.error("the store cannot be written", metadata: [LogKey.error: "\(detail)"])
                    } else {
                        logger?.info("the store is written again")
                    }
                })
        } catch {
            throw RelayError(
                .storeUnavailable, "The queue \(queuePath) cannot be opened: \(error).",
                remedy: "Run relay doctor --data '\(path)'.")
        }
    }

    func openLedger() throws(RelayError) -> SQLitePacingLedger {
        do {
            return try SQLitePacingLedger.open(at: pacingPath)
        } catch {
            throw RelayError(
                .storeUnavailable, "The pacing ledger \(pacingPath) cannot be opened: \(error).",
                remedy: "Stop all relays of this folder and remove that file; no job is lost by it.")
        }
    }
}

extension CommonOptions {
    /// The queue of the data folder that the options name, to look into; there must be one.
    func openStore() throws -> SQLiteJobStore {
        let settings = try settings()
        return try DataFolder(existing: settings.data).openStore(settings)
    }

    /// The same, to read what tenants have sent and got, sealed or not; where the keyring cannot be opened, only what is not.
    func openStoreToRead() async throws -> SQLiteJobStore {
        let settings = try settings()
        let folder = try DataFolder(existing: settings.data)
        let store = try folder.openStore(settings)
        if try await store.keyring() != nil { _ = try? await folder.openKeyring(of: store, settings) }
        return store
    }

    /// The same, to change what the audit log names, with its keys.
    /// - Parameter existing: whether there must be one; otherwise it is made.
    func openStoreToChange(existing: Bool = false) async throws -> (store: SQLiteJobStore, keyring: KeyringFollower) {
        let settings = try settings()
        let folder = try existing ? DataFolder(existing: settings.data) : DataFolder(preparing: settings.data)
        let store = try folder.openStore(settings)
        return (store, KeyringFollower(try await folder.openKeyring(of: store, settings)))
    }
}
