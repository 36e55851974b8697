import Domain
import Synchronization

/// Bounds how often a tenant changes its webhook endpoints: each change is a line in the audit log and wakes processes.
/// This process counts for itself. Operators are not bounded: they act for all tenants, perhaps in an emergency.
final class WebhookChanges: Sendable {
    private let limit: Int
    private let quota: Mutex<ChangeQuota?>
    private let watch: Stopwatch

    /// - Parameter limit: changes of one tenant a minute; 0: any number.
    init(limit: Int, clock: any Clock<Duration>) {
        self.limit = limit
        quota = Mutex(limit > 0 ? ChangeQuota(limit: limit) : nil)
        watch = Stopwatch(clock)
    }

    /// Counts a change that `call` asks for.
    /// - Throws: `webhook_changes_limited`.
    func admit(_ call: Call) throws(RelayError) {
        guard call.caller?.seesAllTenants(reading: false) != true else { return }
        let (tenant, now) = (try call.tenant(), watch.elapsed)
        guard let delay = quota.withLock({ $0?.take(tenant, at: now) }) else { return }
        throw RelayError(
            .webhookChangesLimited,
            "The tenant has changed its webhook endpoints more often than \(limit) times a minute, which is the limit.",
            remedy: "Go on after the Retry-After delay; webhooks.changes_per_minute sets the limit.",
            retryAfter: delay)
    }
}
