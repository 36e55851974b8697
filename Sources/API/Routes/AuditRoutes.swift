import Domain
import Queue

/// What was done to keys, tokens, tenants, webhooks and dead letters, for operators to read.
struct AuditRoutes: Sendable {
    let services: APIServices

    var all: [Route] { [Route("GET", "/admin/v1/audit", scope: .adminRead, handler: list)] }

    private func list(_ call: Call) async throws -> Answer {
        let before = try call.query.value("before", "a line's number") { Int64($0) }
        let limit = try call.query.limit(in: JobQuery.limits)
        let entries: [AuditEntry]
        do throws(JobStoreError) {
            entries = try await services.audit.latestAudit(before: before, limit: limit ?? 50)
        } catch {
            throw RelayError(error)
        }
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(entries.map(text)))
        json.set("has_more", (entries.last?.sequence ?? 1) > 1)
        return .json(json.closed())
    }

    private func text(_ entry: AuditEntry) -> [UInt8] {
        var json = JSONObject()
        json.set("sequence", Int(entry.sequence))
        json.set("at", entry.at)
        json.set("actor_kind", entry.actor.kind.rawValue)
        json.set("actor", entry.actor.parts.name)
        json.set("credential", entry.actor.parts.credential)
        json.set("action", entry.action)
        json.set("subject", entry.subject)
        json.set("detail", entry.detail)
        return json.closed()
    }
}
