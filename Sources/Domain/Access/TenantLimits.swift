/// What one tenant may ask of the relay. nil: no limit of that kind but the relay's own.
package struct TenantLimits: Hashable, Sendable {
    package static let none = TenantLimits()
    package static let rates = 0.02...100_000.0
    package static let counts = 1...1_000_000_000

    /// Requests at the API; they may come up to a second's worth at once. Within ``rates``.
    package var requestsPerSecond: Double?
    /// Synchronous calls under way. Within ``counts``.
    package var concurrency: Int?
    /// Jobs that wait, requests of its batches among them. Within ``counts``.
    package var queuedJobs: Int?
    /// Of a Messages body, a submission, a line of a bulk submission, a request of a batch. Within ``counts``.
    package var bodyBytes: Int?
    package var models: ModelAllowance?
    package var budget = BudgetLimits.none

    package init() {}

    package var isNone: Bool { self == .none }
    /// Why a request that was accepted under other limits may not be sent once more under these; nil if it may.
    package func refusal(ofModel model: String, bytes: Int) -> AdmissionRefusal? {
        if let models, !models.allows(model) { return .modelNotAllowed(model, models) }
        if let bodyBytes, bytes > bodyBytes { return .tooLarge(bytes: bytes, limit: bodyBytes) }
        return nil
    }

    /// Whether what a call asks for must be read before it is sent.
    package var concernsModels: Bool { models != nil || !budget.isNone }
}

/// Why a tenant's limits do not let something in that the store would have to keep.
package enum AdmissionRefusal: Hashable, Sendable {
    /// `queued` jobs wait, and `limit` are allowed.
    case queueFull(queued: Int, limit: Int)
    case budget(BudgetRefusal)
    /// What it may cost was not counted when it was read, for its tenant had no budget then.
    case uncounted
    /// Of a replay: its model is not among those that the tenant may call now.
    case modelNotAllowed(String, ModelAllowance)
    /// Of a replay: its body has `bytes`, and `limit` are allowed now.
    case tooLarge(bytes: Int, limit: Int)
}
