import Domain
import Queue

extension OpenAPIDocument {
    private static let limit = JSONSchema.integer(JobQuery.limits)
    private static let idempotencyKey = "The same key again within 24 hours gets the first submission's answer."

    static let jobs: [Operation] = [
        Operation("POST", "/v1/jobs", "Submits a job, or many as NDJSON, one a line")
            .header("Idempotency-Key", .text, idempotencyKey)
            .header("anthropic-version", .text, "Sent with the requests.")
            .takes(.json(.named("Submission")), .text("application/x-ndjson"))
            .answers(200, "The job of an earlier submission with the same key.", .json(.named("Job")))
            .answers(
                202, "Durable. NDJSON gets one answer a line.", .json(.named("Job")), .text("application/x-ndjson")),
        Operation("GET", "/v1/jobs", "The tenant's jobs, newest first")
            .query("status", .oneOf(JobState.allCases.map(\.rawValue)), "Only those in this state.")
            .query("model", .text, "Only those for this model.")
            .query("created_since", .time, "Only those submitted then or later.")
            .query("created_before", .time, "Only those submitted before.")
            .query("dead_letter", .oneOf(["true", "false"]), "Only those without success that were not replayed.")
            .query("tenant", .text, "Another tenant's; needs the scope admin.")
            .query("after", .text, "last_id of the page before.")
            .query("limit", limit, "How many; 20 if not given.")
            .answers(200, "A page.", .json(.named("JobPage"))),
        Operation("GET", "/v1/jobs/{id}", "One job")
            .query("wait", .number, "Seconds to wait for its end.")
            .answers(200, "The job.", .json(.named("Job"))),
        Operation("GET", "/v1/jobs/{id}/result", "The upstream's answer, byte for byte, with its status")
            .answers(200, "The answer.", .json(.open)),
        Operation("GET", "/v1/jobs/{id}/attempts", "The journal of its attempts")
            .answers(200, "Each attempt.", .json(.object([.init("data", .list(.named("Attempt")))]))),
        Operation("POST", "/v1/jobs/{id}/cancel", "Cancels it")
            .answers(200, "Canceled, or cancel_requested while its call is being closed.", .json(.named("Job"))),
        Operation("POST", "/v1/jobs/{id}/retry", "Submits one that did not succeed once more, as a new job")
            .answers(200, "The new job, made by an earlier call.", .json(.named("Job")))
            .answers(202, "The new job.", .json(.named("Job"))),
    ]

    static let batches: [Operation] = [
        Operation("POST", "/v1/messages/batches", "Creates a Message Batch")
            .header("Idempotency-Key", .text, idempotencyKey)
            .header("anthropic-version", .text, "Holds for all its requests.")
            .takes(.json(.object([.init("requests", .list(batchRequest))])))
            .answers(200, "The batch.", .json(.named("Batch"))),
        Operation("GET", "/v1/messages/batches", "The tenant's batches, newest first")
            .query("after_id", .text, "The page after this batch.")
            .query("before_id", .text, "The page before this batch.")
            .query("limit", .integer(BatchQuery.limits), "How many; 20 if not given.")
            .answers(200, "A page.", .json(.named("BatchPage"))),
        Operation("GET", "/v1/messages/batches/{id}", "One batch").answers(200, "The batch.", .json(.named("Batch"))),
        Operation("GET", "/v1/messages/batches/{id}/results", "Its results, one a line, once it has ended")
            .answers(200, "The results.", .text("application/x-jsonl")),
        Operation("POST", "/v1/messages/batches/{id}/cancel", "Cancels what has not been sent")
            .answers(200, "The batch.", .json(.named("Batch"))),
        Operation("DELETE", "/v1/messages/batches/{id}", "Deletes an ended batch with its results")
            .answers(
                200, "It is gone.",
                .json(.object([.init("id", .text), .init("type", .oneOf(["message_batch_deleted"]))]))),
    ]

    private static let batchRequest = JSONSchema.object([
        .init("custom_id", .text), .init("params", .named("MessagesRequest")),
    ])
}
