package import Domain

/// Which jobs to list.
package struct JobQuery: Hashable, Sendable {
    package static let limits = 1...1000
    /// Jobs that one page looks at, at most, however few of them match.
    package static let scanLimit = 20_000
    /// nil for all tenants.
    package var tenant: TenantID?
    /// nil for all states.
    package var state: JobState?
    /// Exactly this model; nil for all.
    package var model: String?
    /// Submitted at this instant or later.
    package var since: Timestamp?
    /// Submitted before this instant.
    package var until: Timestamp?
    /// Only jobs that ended without success and have not been replayed.
    package var isDeadLetter = false
    /// Only jobs older than this one; nil for the newest.
    package var after: JobID?
    /// Within ``limits``.
    package let limit: Int

    package init(tenant: TenantID?, state: JobState? = nil, after: JobID? = nil, limit: Int = 20) {
        self.tenant = tenant
        self.state = state
        self.after = after
        self.limit = min(max(limit, Self.limits.lowerBound), Self.limits.upperBound)
    }

    /// Whether the query shows `job`.
    package func matches(_ job: JobRecord) -> Bool {
        (tenant.map { $0 == job.tenant } ?? true) && (state.map { $0 == job.state } ?? true)
            && (model.map { $0 == job.model } ?? true) && (since.map { $0 <= job.createdAt } ?? true)
            && (until.map { job.createdAt < $0 } ?? true) && (!isDeadLetter || job.isDeadLetter)
    }
}

extension JobRecord {
    /// Whether it is over without success and has not been replayed: somebody may want to look at it.
    package var isDeadLetter: Bool {
        switch state {
        case .errored, .expired: replayedAs == nil
        case .queued, .running, .succeeded, .canceled: false
        }
    }
}

/// A part of a list, newest first.
package struct JobPage: Hashable, Sendable {
    package let jobs: [JobRecord]
    /// Where the next page begins, as ``JobQuery/after``; nil if no older job matches.
    package let next: JobID?

    package var hasMore: Bool { next != nil }

    package init(jobs: [JobRecord], next: JobID?) {
        self.jobs = jobs
        self.next = next
    }
}
