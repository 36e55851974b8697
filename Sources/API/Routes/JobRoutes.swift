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
        ]
    }

    private func list(_ call: Call) async throws -> Answer {
        let state = try call.query.value("status", JobState.allCases.map(\.rawValue).joined(separator: ", ")) {
            JobState(rawValue: $0)
        }
        let after = try call.query.value("after", "a job's id (job_…)") { JobID($0) }
        let limits = JobQuery.limits
        let limit = try call.query.value("limit", "a number from \(limits.lowerBound) to \(limits.upperBound)") {
            Int($0).flatMap { limits.contains($0) ? $0 : nil }
        }
        let query = JobQuery(tenant: try listedTenant(call), state: state, after: after, limit: limit ?? 20)
        let page = try await services.store.reading { store throws(JobStoreError) in try await store.list(query) }
        return .json(JobText.page(page.jobs, hasMore: page.hasMore))
    }

    /// The caller's own jobs, or those of the tenant that an operator names.
    private func listedTenant(_ call: Call) throws(RelayError) -> TenantID {
        let own = try call.tenant()
        guard let named = try call.query.value("tenant", Identifier.rule, { TenantID($0) }), named != own else {
            return own
        }
        guard call.caller?.scopes.contains(.admin) == true else {
            throw RelayError(
                .scopeMissing, "The query names another tenant; required is the scope admin.",
                remedy: "Leave tenant out, or use a token with that scope.")
        }
        return named
    }

    private func show(_ call: Call) async throws -> Answer {
        let wait = try call.query.value("wait", "a number of seconds, 0 or more") { text in
            Double(text).flatMap { $0.isFinite && $0 >= 0 ? Duration.seconds(min($0, 86_400)) : nil }
        }
        let id = try jobID(call)
        guard let wait else { return .json(JobText.job(try await job(id, call))) }
        return .json(JobText.job(try await settledJob(id, call, within: min(wait, services.configuration.longestWait))))
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

    private func jobID(_ call: Call) throws(RelayError) -> JobID {
        guard let id = call.parameters.first.flatMap({ JobID($0) }) else { throw Self.unknown }
        return id
    }

    /// - Throws: `job_unknown`, also for jobs of others.
    private func job(_ id: JobID, _ call: Call) async throws(RelayError) -> JobRecord {
        let tenant = try call.visibleTenant()
        let job = try await services.store.reading { store throws(JobStoreError) in
            try await store.job(id, of: tenant)
        }
        guard let job else { throw Self.unknown }
        return job
    }

    private static let unknown = RelayError(
        .jobUnknown, "There is no such job.", remedy: "Check the id and whose token you use.")
}
