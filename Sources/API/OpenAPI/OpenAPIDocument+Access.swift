import Domain
import Queue

extension OpenAPIDocument {
    /// Tokens, tenants and their usage.
    static let access: [Operation] = [
        Operation("GET", "/admin/v1/tokens", "API keys, never their secrets, and what has been revoked")
            .query("tenant", .text, "Only this tenant's API keys.")
            .query("prefix", .text, "Only API keys that begin so.")
            .query("after", .text, "last_id of the page before, for API keys.")
            .query("revocations_after", .text, "revocations_last_id of the page before, for revocations.")
            .query("limit", .integer(APIKeyQuery.limits), "How many of each; 100 if not given.")
            .answers(200, "A page of each, API keys oldest first.", .json(.named("TokenPage"))),
        Operation("POST", "/admin/v1/tokens", "Makes an API key; it is in this answer alone")
            .takes(
                .json(
                    .object([
                        .init("tenant", .text), .init("scopes", .list(.oneOf(Caller.Scope.allCases.map(\.rawValue)))),
                        .init("name", .text, optional: true),
                        .init("ttl_seconds", .integer(1...315_360_000), optional: true),
                    ]))
            )
            .answers(201, "The key.", .json(.named("NewAPIKey"))),
        Operation("DELETE", "/admin/v1/tokens/{id}", "Revokes an API key, by its id or its beginning")
            .answers(200, "The key.", .json(.named("APIKey"))),
        Operation("POST", "/admin/v1/tokens/revoke", "Revokes one token, or all of a tenant until now")
            .takes(.json(.object([.init("jti", .text, optional: true), .init("tenant", .text, optional: true)])))
            .answers(200, "What is revoked.", .json(.named("Revocation"))),
        Operation("GET", "/admin/v1/tenants", "Shares, limits and jobs of each tenant, by name")
            .query("after", .text, "Only tenants after this name.")
            .query("limit", .integer(1...1000), "How many; 1000 if not given.")
            .answers(
                200, "A page; last_id is the next one's after.",
                .json(
                    .object([
                        .init("data", .list(.named("Tenant"))), .init("has_more", .flag),
                        .init("last_id", .nullable(.text)),
                    ]))),
        Operation("GET", "/admin/v1/tenants/{name}", "One tenant, and where its budgets stand")
            .answers(200, "The tenant.", .json(.named("TenantWithBudget"))),
        Operation("PATCH", "/admin/v1/tenants/{name}", "Sets what the body names; null removes a limit")
            .takes(.json(.open)).answers(200, "The tenant.", .json(.named("TenantWithBudget"))),
        Operation("DELETE", "/admin/v1/tenants/{name}/data", "Erases what the tenant has sent and got, for ever")
            .answers(200, "What was reached; what is unfinished ends as canceled.", .json(erasure)),
        usage(Operation("GET", "/v1/usage", "What the tenant has used and what it cost")),
        usage(
            Operation("GET", "/admin/v1/usage", "The same of all tenants").query("tenant", .text, "Only this tenant's.")
        ),
    ]

    private static let erasure = JSONSchema.object([
        .init("tenant", .text), .init("type", .oneOf(["tenant_erased"])), .init("erased_at", .time),
        .init("data_key_dropped", .flag), .init("jobs", .count), .init("batches", .count), .init("canceled", .count),
    ])

    private static func usage(_ operation: Operation) -> Operation {
        operation
            .query("since", .text, UsageQuery.timeRule).query("until", .text, UsageQuery.timeRule)
            .query("by", .text, UsageQuery.dimensionRule)
            .query("format", .oneOf(["json", "csv"]), "json if not given.")
            .answers(200, "A row for each.", .json(.object([.init("data", .list(.open))])), .text("text/csv"))
    }

    static let accessSchemas: [(String, JSONSchema)] = [
        ("APIKey", .object(key)), ("NewAPIKey", .object(key + [.init("key", .text)])),
        (
            "TokenPage",
            .object([
                .init("data", .list(.named("APIKey"))), .init("has_more", .flag), .init("first_id", .nullable(.text)),
                .init("last_id", .nullable(.text)), .init("revocations", .list(.named("Revocation"))),
                .init("revocations_has_more", .flag), .init("revocations_last_id", .nullable(.text)),
            ])
        ),
        (
            "Revocation",
            .object([
                .init("type", .oneOf(["revocation"])), .init("jti", .text, optional: true),
                .init("tenant", .text, optional: true), .init("since", .time),
            ])
        ),
        ("Tenant", .object(tenant)), ("TenantWithBudget", .object(tenant + [.init("budget", .list(.open))])),
    ]

    private static let key: [JSONSchema.Field] = [
        .init("id", .text), .init("type", .oneOf(["api_key"])), .init("prefix", .text), .init("tenant", .text),
        .init("scopes", .list(.oneOf(Caller.Scope.allCases.map(\.rawValue)))), .init("name", .text),
        .init("created_at", .time), .init("expires_at", .nullable(.time)), .init("revoked_at", .nullable(.time)),
        .init("last_used_at", .nullable(.time)),
    ]

    private static let tenant: [JSONSchema.Field] = [
        .init("name", .text), .init("weight", .integer(TenantShare.weights)), .init("max_running", .nullable(.count)),
        .init("jobs", .object(JobState.allCases.map { .init($0.rawValue, .count) })), .init("limits", .open),
    ]
}
