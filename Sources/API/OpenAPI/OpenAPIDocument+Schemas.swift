import Domain
import Queue

extension OpenAPIDocument {
    /// The bodies that several routes share, by name.
    static let schemas: [(String, JSONSchema)] =
        [
            ("Error", error), ("Job", job), ("JobPage", page(of: "Job")), ("Attempt", attempt), ("Batch", batch),
            ("BatchPage", page(of: "Batch")), ("Submission", submission), ("MessagesRequest", messagesRequest),
        ] + webhookSchemas + accessSchemas

    /// A page of a list: newest first.
    static func page(of name: String) -> JSONSchema {
        .object([
            .init("data", .list(.named(name))), .init("has_more", .flag), .init("first_id", .nullable(.text)),
            .init("last_id", .nullable(.text)),
        ])
    }

    /// The relay's own, and the upstream's, which may hold more.
    private static let error = JSONSchema.open

    private static let job = JSONSchema.object([
        .init("id", .text), .init("type", .oneOf(["job"])), .init("status", .oneOf(JobState.allCases.map(\.rawValue))),
        .init("tenant", .text), .init("model", .text),
        .init("priority", .integer(Priority.range)), .init("attempts", .count), .init("created_at", .time),
        .init("run_at", .time), .init("deadline", .nullable(.time)), .init("ended_at", .nullable(.time)),
        .init("result_status", .nullable(.integer(100...599))), .init("cancel_requested", .flag),
        .init("replay_of", .nullable(.text)), .init("replayed_as", .nullable(.text)),
        .init("metadata", .nullable(.open)),
    ])

    private static let attempt = JSONSchema.object([
        .init("attempt", .count), .init("verdict", .text), .init("status", .nullable(.integer(100...599))),
        .init("request_id", .nullable(.text)), .init("key", .nullable(.text)), .init("egress", .nullable(.text)),
        .init("started_at", .time), .init("first_byte_at", .nullable(.time)), .init("ended_at", .time),
        .init("error", .nullable(.text)), .init("maybe_billed", .flag), .init("bytes_sent", .count),
        .init("bytes_received", .count), .init("usage", .nullable(.open)),
    ])

    private static let batch = JSONSchema.object([
        .init("id", .text), .init("type", .oneOf(["message_batch"])),
        .init("processing_status", .oneOf(["in_progress", "canceling", "ended"])),
        .init(
            "request_counts",
            .object(["processing", "succeeded", "errored", "canceled", "expired"].map { .init($0, .count) })),
        .init("created_at", .time), .init("expires_at", .time), .init("ended_at", .nullable(.time)),
        .init("cancel_initiated_at", .nullable(.time)), .init("archived_at", .nullable(.time)),
        .init("results_url", .nullable(.text)),
    ])

    private static let submission = JSONSchema.object([
        .init("request", .named("MessagesRequest")), .init("webhook", .text, optional: true),
        .init("priority", .integer(Priority.range), optional: true), .init("run_at", .time, optional: true),
        .init("deadline", .time, optional: true), .init("metadata", .open, optional: true),
    ])

    /// What else it may hold is the Claude API's to judge.
    private static let messagesRequest = JSONSchema.open
}
