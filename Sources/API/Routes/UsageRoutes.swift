import Domain
import HTTPTypes
import Queue

/// `/v1/usage` and `/admin/v1/usage`: what tenants have used and what it cost.
struct UsageRoutes: Sendable {
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/v1/usage", scope: .messages) { call in
                try await usage(call, of: try call.tenant(), by: [.model])
            },
            Route("GET", "/admin/v1/usage", scope: .adminRead) { call in
                let tenant = try call.query.value("tenant", Identifier.rule) { TenantID($0) }
                return try await usage(call, of: tenant, by: [.tenant, .model])
            },
        ]
    }

    private func usage(
        _ call: Call, of tenant: TenantID?, by usual: Set<UsageQuery.Dimension>
    ) async throws -> Answer {
        let dimensions = try call.query.value("by", UsageQuery.dimensionRule, UsageQuery.dimensions) ?? usual
        guard !dimensions.contains(.key) || call.caller?.seesAllTenants(reading: true) == true else {
            throw RelayError(
                .scopeMissing, "The usage by key names the upstream keys; required is the scope admin:read.",
                remedy: "Leave key out of by, or use a token with that scope.")
        }
        let query = UsageQuery(
            tenant: tenant,
            since: try call.query.value("since", UsageQuery.timeRule, UsageQuery.time),
            until: try call.query.value("until", UsageQuery.timeRule, UsageQuery.time),
            by: dimensions)
        let isCSV = try call.query.value("format", "json or csv") { ["json", "csv"].contains($0) ? $0 == "csv" : nil }
        let rows = try await services.tenants.asking { store throws(JobStoreError) in try await store.usage(query) }
        guard isCSV == true else { return .json(UsageText.json(rows, query)) }
        let headers: HTTPFields = [.contentType: "text/csv; charset=utf-8"]
        return .full(status: 200, headers: headers, body: Array(UsageText.csv(rows, query).utf8))
    }
}
