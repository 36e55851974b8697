import Domain
import GRDB

/// What a transition needs to know of the job it moves.
struct JobHead {
    static let columns = """
        row, id, attempt, state, tenant, webhook, cancel_requested, claimed_at, \(chargedAttempts(of: "jobs.row"))
        """

    /// An expression for the attempts of the job in `row` that may have been executed; few, by the attempts' key.
    static func chargedAttempts(of row: String) -> String {
        "(SELECT count(*) FROM attempts WHERE job = \(row) AND maybe_billed = 1)"
    }

    let row: Int64
    let id: String
    let attempt: Int
    let state: JobState
    let tenant: String
    let webhook: WebhookTarget?
    let isCancelRequested: Bool
    let claimedAt: Timestamp?
    /// The running one not included.
    let chargedAttempts: Int

    init(_ stored: Row) throws {
        let webhook: String? = stored[5]
        self.row = stored[0]
        self.id = stored[1]
        self.attempt = stored[2]
        self.state = try JobState(stored: stored[3])
        self.tenant = stored[4]
        self.webhook = webhook.map(WebhookTarget.init(text:))
        self.isCancelRequested = stored[6]
        self.claimedAt = Timestamp(stored: stored[7])
        self.chargedAttempts = stored[8]
    }
}
