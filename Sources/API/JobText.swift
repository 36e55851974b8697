import Domain
import Queue

/// How jobs and their journals look to clients.
enum JobText {
    static func job(_ job: JobRecord) -> [UInt8] {
        var json = JSONObject()
        json.set("id", job.id.text)
        json.set("type", "job")
        json.set("status", job.state.rawValue)
        json.set("tenant", job.tenant.text)
        json.set("model", job.model)
        json.set("priority", job.priority.value)
        json.set("attempts", job.attempts)
        json.set("created_at", job.createdAt)
        json.set("run_at", job.runAt)
        json.set("deadline", job.deadline)
        json.set("ended_at", job.endedAt)
        json.set("result_status", job.resultStatus)
        json.set("cancel_requested", job.isCancelRequested)
        json.set("replay_of", job.replayOf?.text)
        json.set("replayed_as", job.replayedAs?.text)
        json.setRaw("metadata", job.metadata)
        return json.closed()
    }

    static func attempt(_ attempt: AttemptRecord) -> [UInt8] {
        var json = JSONObject()
        json.set("attempt", attempt.attempt)
        json.set("verdict", attempt.verdict)
        json.set("status", attempt.status)
        json.set("request_id", attempt.requestID)
        json.set("key", attempt.key)
        json.set("egress", attempt.egress)
        json.set("started_at", attempt.startedAt)
        json.set("first_byte_at", attempt.firstByteAt)
        json.set("ended_at", attempt.endedAt)
        json.set("error", attempt.error)
        json.set("maybe_billed", attempt.maybeBilled)
        json.set("bytes_sent", attempt.bytesSent)
        json.set("bytes_received", attempt.bytesReceived)
        json.setRaw("usage", attempt.usage.map(usage))
        return json.closed()
    }

    private static func usage(_ usage: TokenUsage) -> [UInt8] {
        var json = JSONObject()
        json.set("input_tokens", usage.input)
        json.set("output_tokens", usage.output)
        json.set("cache_creation_input_tokens", usage.cacheCreation)
        json.set("cache_read_input_tokens", usage.cacheRead)
        return json.closed()
    }

    /// `last_id` is what `after` of the next page takes; of a page that was cut short it need not be among its jobs.
    static func page(_ page: JobPage) -> [UInt8] {
        var json = JSONObject()
        let rows = RowsText(page.jobs, job)
        let isWhole = rows.count == page.jobs.count
        let last = page.jobs.prefix(rows.count).last?.id
        json.setRaw("data", rows.array)
        json.set("has_more", page.hasMore || !isWhole)
        json.set("first_id", page.jobs.first?.id.text)
        json.set("last_id", (isWhole ? page.next ?? last : last)?.text)
        return json.closed()
    }
}

extension JobRecord {
    /// The job as it stands right after it was accepted.
    init(accepted job: NewJob) {
        self.init(
            id: job.id, tenant: job.tenant, state: .queued, model: job.model, priority: job.priority, attempts: 0,
            createdAt: job.createdAt, runAt: job.runAt, deadline: job.deadline, endedAt: nil, resultStatus: nil,
            metadata: job.metadata, isCancelRequested: false)
    }
}
