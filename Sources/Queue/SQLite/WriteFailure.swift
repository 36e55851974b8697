import CSQLite

/// Why the store cannot be written, as far as it matters when it may work again.
struct WriteFailure: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// The file is not what it should be. That does not mend itself.
        case damage
        /// There is no room.
        case full
        /// Transactions work, but the log cannot be moved into the file, so that it grows.
        case checkpoint
        /// The file could not be synced after pages were moved into it; the log alone is sure to have them. Only a new
        /// start moves all of it again.
        case sync
        case other
    }

    let kind: Kind
    /// For operators.
    let detail: String

    /// Why a transaction failed.
    init(_ error: any Error) {
        let failure = error as? SQLiteFailure
        kind = failure?.isDamage == true ? .damage : failure?.code == SQLITE_FULL ? .full : .other
        detail = "\(error)"
    }

    /// Why the log was not moved.
    init(ofCheckpoint error: any Error) {
        if (error as? SQLiteFailure)?.isOfSync == true {
            kind = .sync
            detail = """
                syncing relay.sqlite failed (\(error)). Jobs are still taken, and are safe in its log, which grows from now \
                on. Mend the disk, stop all relay processes of this folder, then start them again
                """
        } else {
            kind = .checkpoint
            detail = "the log cannot be moved into relay.sqlite, and grows: \(error)"
        }
    }
}
