import Domain

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
        json.set("ended_at", attempt.endedAt)
        json.set("maybe_billed", attempt.maybeBilled)
        return json.closed()
    }

    static func page(_ jobs: [JobRecord], hasMore: Bool) -> [UInt8] {
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(jobs.map(job)))
        json.set("has_more", hasMore)
        json.set("first_id", jobs.first?.id.text)
        json.set("last_id", jobs.last?.id.text)
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
