/// A job as intake hands it to the store: checked, named, not yet durable.
package struct NewJob: Hashable, Sendable {
    package let id: JobID
    package let tenant: TenantID
    /// The Messages body, byte for byte as the client sent it. It is never decoded and encoded again.
    package let body: [UInt8]
    /// Of the body as it came in: checked before each sending.
    package let digest: BodyDigest
    /// The request headers that travel with the body (`anthropic-version`, `anthropic-beta` and the like).
    package let headers: [HeaderField]
    /// The body's `model`, for lists and pacing.
    package let model: String
    package let priority: Priority
    package let createdAt: Timestamp
    /// Not claimed before this instant.
    package let runAt: Timestamp
    /// Expired, unsent, from this instant on; nil for never.
    package let deadline: Timestamp?
    /// Who is told when the job ends, beside the tenant's endpoints.
    package let webhook: WebhookTarget?
    /// The client's `metadata` object as raw JSON, returned unchanged.
    package let metadata: [UInt8]?
    package let idempotency: IdempotencyKey?
    /// What it may take from its tenant's budgets; nil if nobody has counted it, as for tenants without one. Unknown is not
    /// nothing: a tenant that has a budget after all is refused.
    package let demand: BudgetAmount?

    package var models: ModelClass { ModelClass(model: model) }

    /// What it takes in memory and in the store, roughly: body, metadata and headers.
    package var bytes: Int {
        headers.reduce(body.count + (metadata?.count ?? 0)) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }

    package init(
        id: JobID, tenant: TenantID, body: [UInt8], headers: [HeaderField], model: String,
        priority: Priority = .normal, createdAt: Timestamp, runAt: Timestamp, deadline: Timestamp? = nil,
        webhook: WebhookTarget? = nil, metadata: [UInt8]? = nil, idempotency: IdempotencyKey? = nil,
        demand: BudgetAmount? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.body = body
        digest = BodyDigest(body)
        self.headers = headers
        self.model = model
        self.priority = priority
        self.createdAt = createdAt
        self.runAt = runAt
        self.deadline = deadline
        self.webhook = webhook
        self.metadata = metadata
        self.idempotency = idempotency
        self.demand = demand
    }
}
