package import Domain

/// The audit log: who did what to keys, tokens, tenants, webhooks and dead letters. Lines are only ever added, by the
/// transaction that makes the change, and name ``AuditActor/current``.
package protocol AuditStore: Sendable {
    /// Adds a line of what changes nothing in the store, such as a token that was issued.
    func record(_ action: AuditAction, _ subject: String, _ detail: String) async throws(JobStoreError)
    /// Lines after `sequence`, in order; at most `limit`, 1...1000.
    func auditTrail(after sequence: Int64, limit: Int) async throws(JobStoreError) -> [AuditEntry]
    /// Lines before `sequence` (nil: the newest), newest first; at most `limit`, 1...1000.
    func latestAudit(before sequence: Int64?, limit: Int) async throws(JobStoreError) -> [AuditEntry]
}
