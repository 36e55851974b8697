import Domain
import HTTPTypes
import Queue
import ServiceLifecycle

/// What owners ask of jobs that they have submitted.
struct JobRoutes: Sendable {
    /// A waiter reads the store no more often than this, however much changes.
    private static let readInterval = Duration.milliseconds(50)
    let services: APIServices

    var all: [Route] {
        [
            Route("GET", "/v1/jobs", scope: .jobs, handler: list),
            Route("GET", "/v1/jobs/{}", scope: .jobs, handler: show),
            Route("GET", "/v1/jobs/{}/result", scope: .jobs, handler: result),
            Route("GET", "/v1/jobs/{}/attempts", scope: .jobs, handler: attempts),
            Route("POST", "/v1/jobs/{}/cancel", scope: .jobs, handler: cancel),
            Route("POST", "/v1/jobs/{}/retry", scope: .jobs, handler: retry),
        ]
    }

    private func list(_ call: Call) async throws -> Answer {
        let state = try call.query.value("status", JobState.allCases.map(\.rawValue).joined(separator: ", ")) {
            JobState(rawValue: $0)
        }
        let after = try call.query.value("after", "a job's id (job_…)") { JobID($0) }
        let limit = try call.query.limit(in: JobQuery.limits)
        var query = JobQuery(tenant: try call.listedTenant(), state: state, after: after, limit: limit ?? 20)
        query.model = try call.query.value("model", "a model's name") { $0.isEmpty ? nil : $0 }
        query.since = try call.query.value("created_since", JobDraft.timeRule) { Timestamp(rfc3339: $0) }
        query.until = try call.query.value("created_before", JobDraft.timeRule) { Timestamp(rfc3339: $0) }
        query.isDeadLetter = try call.query.value("dead_letter", "true or false") { Bool($0) } ?? false
        let wanted = query
        let page = try await services.store.reading { store throws(JobStoreError) in try await store.list(wanted) }
        return .json(JobText.page(page))
    }

    private func show(_ call: Call) async throws -> Answer {
        let wait = try call.query.value("wait", "a number of seconds, 0 or more") { text in
            Double(text).flatMap { $0.isFinite && $0 >= 0 ? Duration.seconds(min($0, 86_400)) : nil }
        }
        let id = try jobID(call)
        guard let wait else { return .json(JobText.job(try await job(id, call))) }
        let job = try await settledJob(id, call, within: min(wait, services.configuration.limits.longestWait))
        try await Authenticator(services: services).checkAgain(call)
        return .json(JobText.job(job))
    }

    /// The job once it has ended, or as it stands when `limit` has passed or the relay shuts down.
    private func settledJob(_ id: JobID, _ call: Call, within limit: Duration) async throws -> JobRecord {
        let watch = Stopwatch(services.clock)
        while true {
            let seen = services.store.changeCount(.results)
            let job = try await job(id, call)
            let readAt = watch.elapsed
            guard !job.state.isTerminal, readAt < limit, !Task.isShuttingDownGracefully else { return job }
            await waitForResults(since: seen, upTo: limit - readAt)
            try Task.checkCancellation()
            let pause = Self.readInterval - (watch.elapsed - readAt)
            if pause > .zero { try await services.clock.sleep(for: pause) }
        }
    }

    private func waitForResults(since seen: UInt64, upTo limit: Duration) async {
        let store = services.store
        await cancelWhenGracefulShutdown {
            await store.waitForChange(.results, since: seen, upTo: limit)
        }
    }

    private func result(_ call: Call) async throws -> Answer {
        let id = try jobID(call)
        let tenant = try call.visibleTenant()
        let found = try await services.store.reading { store throws(JobStoreError) in
            try await store.result(of: id, tenant: tenant)
        }
        guard let found else {
            let state = try await job(id, call).state
            throw RelayError(
                .jobNotEnded, "The job is \(state.rawValue); it has a result once it has ended.",
                remedy: "Ask again later, or wait with GET /v1/jobs/{id}?wait=30.", retryAfter: .seconds(1))
        }
        return .full(status: found.status, headers: ForwardedHeaders.ofResult(found.headers), body: found.body)
    }

    private func attempts(_ call: Call) async throws -> Answer {
        let id = try await job(try jobID(call), call).id
        let journal = try await services.store.reading { store throws(JobStoreError) in
            try await store.attempts(of: id)
        }
        var json = JSONObject()
        json.setRaw("data", JSONObject.array(journal.map(JobText.attempt)))
        return .json(json.closed())
    }

    private func cancel(_ call: Call) async throws -> Answer {
        let id = try jobID(call)
        let tenant = try await job(id, call).tenant
        let now = services.wall.now()
        let outcome = try await services.store.reading { store throws(JobStoreError) in
            try await store.cancel(id, of: tenant, at: now)
        }
        if case .alreadyEnded(let state)? = outcome {
            throw RelayError(
                .jobAlreadyEnded, "The job has already ended: \(state.rawValue).", remedy: "Fetch its result.")
        }
        return .json(JobText.job(try await job(id, call)))
    }

    /// Submits a job that did not succeed once more; asking again answers with the same new job.
    private func retry(_ call: Call) async throws -> Answer {
        let old = try await job(try jobID(call), call)
        var random = SystemRandomNumberGenerator()
        let now = services.wall.now()
        let replay = Replay(old.id, as: .make(at: now, using: &random))
        let prices = services.tenants.prices.list
        let outcomes = try await services.store.reading { store throws(JobStoreError) in
            try await store.replay([replay], of: old.tenant, pricedBy: prices, at: now)
        }
        switch outcomes.first {
        case .replayed(let id)?, .existing(let id)?:
            let isNew = id == replay.newID
            let headers: HTTPFields = [.location: "/v1/jobs/\(id)"]
            return .json(JobText.job(try await job(id, call)), status: isNew ? 202 : 200, headers: headers)
        case .refused(let state)?:
            throw RelayError(
                .jobNotReplayable,
                "The job is \(state.rawValue); only one that is errored, canceled or expired can be retried.",
                remedy: state.isTerminal ? "Fetch its result." : "Wait until it has ended.")
        case .overLimit(let refusal)?: throw RelayError(refusal, at: now)
        case .erased?: throw RelayError.payloadErased
        case .unknown?, nil: throw Self.unknown
        }
    }

    private func jobID(_ call: Call) throws(RelayError) -> JobID {
        guard let id = call.parameters.first.flatMap({ JobID($0) }) else { throw Self.unknown }
        return id
    }

    /// - Throws: `job_unknown`, also for jobs of others; `payload_erased`.
    private func job(_ id: JobID, _ call: Call) async throws(RelayError) -> JobRecord {
        let tenant = try call.visibleTenant()
        let job = try await services.store.reading { store throws(JobStoreError) in
            try await store.job(id, of: tenant)
        }
        guard let job else { throw Self.unknown }
        guard !job.isErased else { throw .payloadErased }
        return job
    }

    private static let unknown = RelayError(
        .jobUnknown, "There is no such job.", remedy: "Check the id and whose token you use.")
}
