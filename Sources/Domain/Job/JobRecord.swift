/// A job as its owner sees it, without its payloads.
package struct JobRecord: Hashable, Sendable {
    package let id: JobID
    package let tenant: TenantID
    package let state: JobState
    package let model: String
    package let priority: Priority
    /// Claims so far: 0 before the first.
    package let attempts: Int
    package let createdAt: Timestamp
    package let runAt: Timestamp
    package let deadline: Timestamp?
    /// When it reached a terminal state; nil until then.
    package let endedAt: Timestamp?
    /// The status of the result, once there is one.
    package let resultStatus: Int?
    package let metadata: [UInt8]?
    /// Cancellation was asked for while an attempt was running; it ends as canceled unless the answer comes first.
    package let isCancelRequested: Bool
    /// The dead letter that this job repeats; nil for a job of its own.
    package let replayOf: JobID?
    /// The job that repeats this one; nil if none does.
    package let replayedAs: JobID?
    /// Its payloads were erased with its tenant's data: only that it was there is known.
    package let isErased: Bool

    package init(
        id: JobID, tenant: TenantID, state: JobState, model: String, priority: Priority, attempts: Int,
        createdAt: Timestamp, runAt: Timestamp, deadline: Timestamp?, endedAt: Timestamp?,
        resultStatus: Int?, metadata: [UInt8]?, isCancelRequested: Bool,
        replayOf: JobID? = nil, replayedAs: JobID? = nil, isErased: Bool = false
    ) {
        self.id = id
        self.tenant = tenant
        self.state = state
        self.model = model
        self.priority = priority
        self.attempts = attempts
        self.createdAt = createdAt
        self.runAt = runAt
        self.deadline = deadline
        self.endedAt = endedAt
        self.resultStatus = resultStatus
        self.metadata = metadata
        self.isCancelRequested = isCancelRequested
        self.replayOf = replayOf
        self.replayedAs = replayedAs
        self.isErased = isErased
    }
}
