package import Domain

/// Which deliveries to list.
package struct DeliveryQuery: Hashable, Sendable {
    package static let limits = 1...1000
    /// Deliveries that one page looks at, at most, however few of them match.
    package static let scanLimit = 20_000
    /// nil for all tenants.
    package var tenant: TenantID?
    package var endpoint: String?
    package var job: JobID?
    package var state: DeliveryState?
    /// Posted at this instant or later.
    package var since: Timestamp?
    /// Only deliveries older than that of this id; nil for the newest.
    package var after: String?
    /// Within ``limits``.
    package let limit: Int

    package init(
        tenant: TenantID?, endpoint: String? = nil, job: JobID? = nil, state: DeliveryState? = nil,
        since: Timestamp? = nil, after: String? = nil, limit: Int = 20
    ) {
        self.tenant = tenant
        self.endpoint = endpoint
        self.job = job
        self.state = state
        self.since = since
        self.after = after
        self.limit = min(max(limit, Self.limits.lowerBound), Self.limits.upperBound)
    }

    /// Whether the query shows `delivery`.
    package func matches(_ delivery: DeliveryRecord) -> Bool {
        (tenant.map { $0 == delivery.tenant } ?? true) && (endpoint.map { $0 == delivery.endpoint } ?? true)
            && (job.map { $0 == delivery.job } ?? true) && (state.map { $0 == delivery.state } ?? true)
            && (since.map { $0 <= delivery.createdAt } ?? true)
    }
}

/// A part of a list, newest first.
package struct DeliveryPage: Hashable, Sendable {
    package let records: [DeliveryRecord]
    /// Where the next page begins, as ``DeliveryQuery/after``; nil if no older delivery matches.
    package let next: String?

    package var hasMore: Bool { next != nil }

    package init(records: [DeliveryRecord], next: String?) {
        self.records = records
        self.next = next
    }
}
