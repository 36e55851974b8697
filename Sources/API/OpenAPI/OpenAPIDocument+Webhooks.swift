import Domain
import Queue

extension OpenAPIDocument {
    static let webhooks: [Operation] = [
        Operation("POST", "/v1/webhooks", "Registers a receiver; its secret is in this answer alone")
            .takes(.json(.object([.init("url", .text)] + settable)))
            .answers(201, "The endpoint, with its secret.", .json(.named("NewWebhook"))),
        Operation("GET", "/v1/webhooks", "The tenant's receivers, oldest first")
            .query("tenant", .text, "Another tenant's; needs the scope admin:read.")
            .query("after", .text, "last_id of the page before.")
            .query("limit", .integer(1...WebhookEndpoint.most), "How many; \(WebhookEndpoint.most) if not given.")
            .answers(200, "A page.", .json(.named("WebhookPage"))),
        Operation("GET", "/v1/webhooks/{id}", "One receiver and how it fares")
            .answers(200, "The endpoint.", .json(.named("Webhook"))),
        Operation("PATCH", "/v1/webhooks/{id}", "Changes what the body names")
            .takes(
                .json(
                    .object(
                        [.init("url", .text, optional: true)] + settable
                            + [.init("status", .oneOf(["active", "paused"]), optional: true)]))
            )
            .answers(200, "The endpoint.", .json(.named("Webhook"))),
        Operation("DELETE", "/v1/webhooks/{id}", "Removes it and what it has not received")
            .answers(
                200, "It is gone.", .json(.object([.init("id", .text), .init("type", .oneOf(["webhook_deleted"]))]))),
        Operation("POST", "/v1/webhooks/{id}/rotate", "Gives it a new secret; the old one signs too for a while")
            .takes(.json(.object([.init("overlap_seconds", .integer(0...2_592_000), optional: true)])), optional: true)
            .answers(200, "The endpoint, with its new secret.", .json(.named("NewWebhook"))),
        Operation("POST", "/v1/webhooks/{id}/test", "Sends it a test event")
            .answers(
                202, "It is on its way.",
                .json(.object([.init("type", .oneOf(["webhook_test"])), .init("delivery", .text)]))),
        Operation("POST", "/v1/webhooks/{id}/pause", "Sends it nothing for now; its events are kept")
            .answers(200, "The endpoint.", .json(.named("Webhook"))),
        Operation("POST", "/v1/webhooks/{id}/resume", "Makes it active again")
            .answers(200, "The endpoint.", .json(.named("Webhook"))),
        Operation("POST", "/v1/webhooks/{id}/redeliver", "Sends all anew that failed since a time")
            .takes(.json(since)).answers(202, "How many.", .json(.named("Redelivery"))),
        listed(Operation("GET", "/v1/webhooks/{id}/deliveries", "What it was sent, newest first")),
        listed(
            Operation("GET", "/v1/deliveries", "What was sent or is still to be sent, newest first")
                .query("webhook", .text, "Only those to this endpoint.")),
        Operation("GET", "/v1/deliveries/{id}", "One delivery and each attempt at it")
            .answers(200, "The delivery.", .json(.named("DeliveryWithLog"))),
        Operation("POST", "/v1/deliveries/{id}/redeliver", "Sends it anew, with the same id")
            .answers(202, "The delivery.", .json(.named("Delivery"))),
        Operation("POST", "/v1/deliveries/redeliver", "Sends all of the tenant's anew that failed since a time")
            .takes(.json(since)).answers(202, "How many.", .json(.named("Redelivery"))),
    ]

    private static func listed(_ operation: Operation) -> Operation {
        operation
            .query("job", .text, "Only those of this job.")
            .query("status", .oneOf(DeliveryState.allCases.map(\.rawValue)), "Only those in this state.")
            .query("created_since", .time, "Only those posted then or later.")
            .query("tenant", .text, "Another tenant's; needs the scope admin:read.")
            .query("after", .text, "last_id of the page before.")
            .query("limit", .integer(DeliveryQuery.limits), "How many; 20 if not given.")
            .answers(200, "A page.", .json(.named("DeliveryPage")))
    }

    private static let since = JSONSchema.object([.init("since", .time)])

    private static let settable: [JSONSchema.Field] = [
        .init("events", .list(.oneOf(WebhookEvent.subscribable.map(\.rawValue))), optional: true),
        .init("description", .text, optional: true),
        .init("payload", .oneOf(PayloadStyle.allCases.map(\.rawValue)), optional: true),
        .init("egress", .nullable(.text), optional: true),
    ]

    static let webhookSchemas: [(String, JSONSchema)] = [
        ("Webhook", .object(webhook)), ("NewWebhook", .object(webhook + [.init("secret", .text)])),
        ("WebhookPage", page(of: "Webhook")), ("Delivery", .object(delivery)),
        ("DeliveryWithLog", .object(delivery + [.init("log", .list(.object(attempt)))])),
        ("DeliveryPage", page(of: "Delivery")),
        (
            "Redelivery",
            .object([.init("type", .oneOf(["webhook_redelivery"])), .init("count", .count), .init("has_more", .flag)])
        ),
    ]

    private static let webhook: [JSONSchema.Field] = [
        .init("id", .text), .init("type", .oneOf(["webhook"])), .init("public_key", .nullable(.text)),
        .init("previous_secret_expires_at", .nullable(.time)), .init("url", .text),
        .init("events", .list(.oneOf(WebhookEvent.allCases.map(\.rawValue)))), .init("description", .text),
        .init("payload", .oneOf(PayloadStyle.allCases.map(\.rawValue))), .init("egress", .nullable(.text)),
        .init("status", .oneOf(EndpointStatus.allCases.map(\.rawValue))), .init("status_reason", .nullable(.text)),
        .init("delivery_state", .oneOf(EndpointHealth.State.allCases.map(\.rawValue))),
        .init("tripped_until", .nullable(.time)), .init("failing_since", .nullable(.time)), .init("created_at", .time),
        .init("changed_at", .time),
    ]

    private static let delivery: [JSONSchema.Field] = [
        .init("id", .text), .init("type", .oneOf(["webhook_delivery"])),
        .init("event", .oneOf(WebhookEvent.allCases.map(\.rawValue))), .init("url", .text),
        .init("webhook", .nullable(.text)), .init("job", .nullable(.text)),
        .init("status", .oneOf(DeliveryState.allCases.map(\.rawValue))), .init("attempts", .count),
        .init("created_at", .time), .init("due_at", .nullable(.time)), .init("ended_at", .nullable(.time)),
        .init("response_status", .nullable(.integer(100...999))), .init("error", .nullable(.text)),
    ]

    private static let attempt: [JSONSchema.Field] = [
        .init("attempt", .count), .init("started_at", .time), .init("duration_ms", .count),
        .init("response_status", .nullable(.integer(100...999))), .init("error", .nullable(.text)),
        .init("response_body", .text),
    ]
}
