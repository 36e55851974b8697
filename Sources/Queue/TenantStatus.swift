package import Domain

/// One tenant's part of the queue.
package struct TenantStatus: Hashable, Sendable {
    package let share: TenantShare
    /// Jobs a state, kept as counters.
    package let counts: [JobState: Int]
    /// How long its most overdue job has been due; nil if none is.
    package let waiting: Duration?

    package init(share: TenantShare, counts: [JobState: Int], waiting: Duration?) {
        self.share = share
        self.counts = counts
        self.waiting = waiting
    }
}

/// A slice of a retention pass.
package struct PruneSlice: Hashable, Sendable {
    package let deleted: Int
    /// Where the next slice begins; nil when the pass is over.
    package let next: Int64?

    package init(deleted: Int, next: Int64?) {
        self.deleted = deleted
        self.next = next
    }
}
