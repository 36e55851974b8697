/// A batch as its owner sees it.
package struct BatchRecord: Hashable, Sendable {
    /// The words of Anthropic's `processing_status`.
    package enum Status: String, Hashable, Sendable {
        case inProgress = "in_progress"
        /// Cancelled, and what was under way has not ended yet.
        case canceling
        case ended
    }

    /// How long results can be had after the batch was created, as Anthropic keeps them.
    package static let resultsLifetime = Duration.seconds(29 * 86_400)

    package let id: BatchID
    package let tenant: TenantID
    package let createdAt: Timestamp
    package let expiresAt: Timestamp
    package let cancelInitiatedAt: Timestamp?
    package let endedAt: Timestamp?
    /// When retention began to delete its results; nil if it has not.
    package let archivedAt: Timestamp?
    package let total: Int
    /// Requests that have ended, by how: terminal states only.
    package let ended: [JobState: Int]
    /// Its requests and results were erased with its tenant's data.
    package let isErased: Bool

    package init(
        id: BatchID, tenant: TenantID, createdAt: Timestamp, expiresAt: Timestamp, cancelInitiatedAt: Timestamp?,
        endedAt: Timestamp?, archivedAt: Timestamp?, total: Int, ended: [JobState: Int],
        isErased: Bool = false
    ) {
        self.id = id
        self.tenant = tenant
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.cancelInitiatedAt = cancelInitiatedAt
        self.endedAt = endedAt
        self.archivedAt = archivedAt
        self.total = total
        self.ended = ended
        self.isErased = isErased
    }

    package var status: Status { endedAt != nil ? .ended : cancelInitiatedAt != nil ? .canceling : .inProgress }
    /// Requests that have not ended: the five counts always add up to the number of requests.
    package var processing: Int { total - ended.values.reduce(0, +) }

    /// When its results became unavailable; nil while they can be had.
    package func archived(at now: Timestamp) -> Timestamp? {
        let due = createdAt.advanced(by: Self.resultsLifetime)
        return archivedAt ?? (due <= now ? due : nil)
    }
}
