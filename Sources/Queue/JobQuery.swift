package import Domain

/// Which jobs to list.
package struct JobQuery: Hashable, Sendable {
    package static let limits = 1...1000
    /// nil for all tenants.
    package let tenant: TenantID?
    /// nil for all states.
    package let state: JobState?
    /// Only jobs older than this one; nil for the newest.
    package let after: JobID?
    /// Within ``limits``.
    package let limit: Int

    package init(tenant: TenantID?, state: JobState? = nil, after: JobID? = nil, limit: Int = 20) {
        self.tenant = tenant
        self.state = state
        self.after = after
        self.limit = min(max(limit, Self.limits.lowerBound), Self.limits.upperBound)
    }
}

/// A part of a list, newest first.
package struct JobPage: Hashable, Sendable {
    package let jobs: [JobRecord]
    /// Whether an older job exists that the query would list too.
    package let hasMore: Bool

    package init(jobs: [JobRecord], hasMore: Bool) {
        self.jobs = jobs
        self.hasMore = hasMore
    }
}
