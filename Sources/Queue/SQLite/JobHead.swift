import Domain
import GRDB

/// What a transition needs to know of the job it moves.
struct JobHead {
    static let columns = "row, id, attempt, state, tenant, webhook, cancel_requested, claimed_at"

    let row: Int64
    let id: String
    let attempt: Int
    let state: JobState
    let tenant: String
    let webhook: WebhookTarget?
    let isCancelRequested: Bool
    let claimedAt: Timestamp?

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
    }
}
