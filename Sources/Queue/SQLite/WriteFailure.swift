import CSQLite

/// Why transactions fail, as far as it matters when they may work again.
struct WriteFailure: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// The file is not what it should be. That does not mend itself.
        case damage
        /// There is no room.
        case full
        case other
    }

    let kind: Kind
    /// For operators.
    let detail: String

    init(_ error: any Error) {
        let failure = error as? SQLiteFailure
        kind = failure?.isDamage == true ? .damage : failure?.code == SQLITE_FULL ? .full : .other
        detail = "\(error)"
    }
}
