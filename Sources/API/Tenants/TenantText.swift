import Domain
import Queue

/// How a tenant looks to operators.
enum TenantText {
    /// - Parameter status: nil if it has had no job yet.
    static func tenant(_ tenant: TenantID, _ status: TenantStatus?, _ limits: TenantLimits) -> JSONObject {
        var json = JSONObject()
        json.set("name", tenant.text)
        json.set("weight", status?.share.weight ?? TenantShare.normalWeight)
        json.set("max_running", status?.share.maxRunning)
        var jobs = JSONObject()
        for state in JobState.allCases { jobs.set(state.rawValue, status?.counts[state] ?? 0) }
        json.setRaw("jobs", jobs.closed())
        json.setRaw("limits", self.limits(limits))
        return json
    }

    private static func limits(_ limits: TenantLimits) -> [UInt8] {
        var json = JSONObject()
        for field in TenantLimitField.allCases {
            if field == .models {
                let patterns = limits.models?.patterns.map { JSONText.quoted($0.text) }
                json.setRaw(field.rawValue, patterns.map { JSONObject.array($0) })
            } else {
                json.setRaw(field.rawValue, field.text(in: limits).map { Array($0.utf8) })
            }
        }
        return json.closed()
    }

    /// What an erasure has reached.
    static func erasure(of tenant: TenantID, _ scope: ErasureScope, at now: Timestamp) -> [UInt8] {
        var json = JSONObject()
        json.set("tenant", tenant.text)
        json.set("type", "tenant_erased")
        json.set("erased_at", now)
        json.set("data_key_dropped", scope.hasDataKey)
        json.set("jobs", scope.jobs.values.reduce(0, +))
        json.set("batches", scope.batches)
        json.set("canceled", scope.unfinished)
        return json.closed()
    }

    /// Where the present day and month stand.
    static func budget(_ book: BudgetBook, _ limits: BudgetLimits) -> [UInt8] {
        let periods = book.entries.keys.sorted { $0.kind.rawValue < $1.kind.rawValue }
        return JSONObject.array(
            periods.map { period in
                let entry = book[period]
                var json = JSONObject()
                json.set("period", period.kind == .day ? "day" : "month")
                json.set("start", period.start)
                json.set("end", period.end)
                var tokens = JSONObject()
                tokens.set("limit", limits.tokens(per: period.kind))
                tokens.set("spent", entry.spent.tokens)
                tokens.set("reserved", entry.reserved.tokens)
                json.setRaw("tokens", tokens.closed())
                var money = JSONObject()
                money.setRaw("limit", limits.money(per: period.kind).map { Array($0.dollars.utf8) })
                money.setRaw("spent", Array(entry.spent.money.dollars.utf8))
                money.setRaw("reserved", Array(entry.reserved.money.dollars.utf8))
                json.setRaw("usd", money.closed())
                return json.closed()
            })
    }
}
