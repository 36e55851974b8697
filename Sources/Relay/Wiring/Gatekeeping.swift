import Domain
import Logging
import Queue
import ServiceLifecycle
import Upstream
import Vault

/// What decides who gets in: the authority on credentials, and what keeps it in step with the store and the issuers.
struct Gatekeeping {
    let authority: TokenAuthority
    let directory: TokenDirectory
    let issuers: IssuerKeys

    /// Knows what has been revoked when it returns.
    init(_ settings: Settings, master: MasterKey, store: SQLiteJobStore, logger: Logger) async throws {
        issuers = try IssuerKeys(settings, transport: CurlTransport(issuersOf: settings), logger: logger)
        authority = TokenAuthority(master: master, clock: SystemClock(), issuers: issuers.issuers)
        directory = TokenDirectory(store: store, authority: authority, logger: logger)
        try await directory.load()
    }

    /// Believes these from now on.
    func adopt(_ draft: IssuerKeys.Draft) {
        issuers.adopt(draft)
        authority.adopt(draft.issuers)
    }

    /// To be stopped after what asks the authority.
    var services: [any Service] { [directory, issuers] }
}
