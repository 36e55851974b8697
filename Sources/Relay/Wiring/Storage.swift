import Domain
import Queue

extension DataFolder {
    /// Opens the queue, making it if there is none.
    func openStore(_ settings: Settings) throws(RelayError) -> SQLiteJobStore {
        do {
            return try SQLiteJobStore.open(
                at: queuePath, configuration: JobStoreConfiguration(maxDepth: settings.queueDepth),
                clock: ContinuousClock())
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
    /// The queue of the data folder that the options name.
    func openStore() throws -> SQLiteJobStore {
        let settings = try settings()
        return try DataFolder(preparing: settings.data).openStore(settings)
    }
}
