import Domain

extension OpenAPIDocument {
    static let admin: [Operation] = [
        Operation("GET", "/admin/v1/audit", "What was done to keys, tokens, tenants, webhooks; newest first")
            .query("before", .integer(1...Int.max), "Only lines before this number.")
            .query("limit", .integer(1...1000), "How many; 50 if not given.")
            .answers(200, "Lines.", .json(.object([.init("data", .list(auditLine)), .init("has_more", .flag)]))),
        Operation("GET", "/admin/v1/egress", "The ways out as this process sees them")
            .answers(200, "The ways out.", .json(egressList)),
        Operation("POST", "/admin/v1/egress/{id}/disable", "Takes one out of use")
            .takes(.json(.object([.init("reason", .text, optional: true)])), optional: true)
            .answers(200, "The ways out.", .json(egressList)),
        Operation("POST", "/admin/v1/egress/{id}/enable", "Brings one back")
            .answers(200, "The ways out.", .json(egressList)),
    ]

    private static let auditLine = JSONSchema.object([
        .init("sequence", .count), .init("at", .time),
        .init("actor_kind", .oneOf(AuditActor.Kind.allCases.map(\.rawValue))), .init("actor", .text),
        .init("credential", .nullable(.text)), .init("action", .text), .init("subject", .text), .init("detail", .text),
    ])

    private static let egressList = JSONSchema.object([
        .init(
            "data",
            .list(
                .object([
                    .init("id", .text), .init("kind", .text), .init("region", .nullable(.text)),
                    .init("weight", .count),
                    .init("state", .text), .init("in_flight", .count), .init("since", .nullable(.time)),
                    .init("note", .nullable(.text)),
                ])))
    ])
}
