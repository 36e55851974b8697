/// A batch as intake begins it: named, without its requests.
package struct NewBatch: Hashable, Sendable {
    package let id: BatchID
    package let tenant: TenantID
    /// Of the create call; they travel with every request (version and betas among them).
    package let headers: [HeaderField]
    package let createdAt: Timestamp
    /// What is unsent then expires.
    package let expiresAt: Timestamp

    package init(
        id: BatchID, tenant: TenantID, headers: [HeaderField], createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.id = id
        self.tenant = tenant
        self.headers = headers
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// One request of a batch, on its way into the store.
package struct BatchItem: Hashable, Sendable {
    package let customID: CustomID
    /// Of the job that it becomes.
    package let job: JobID
    /// The Messages body, byte for byte.
    package let body: [UInt8]
    /// Of the body as it came in: checked before each sending.
    package let digest: BodyDigest
    /// The body's `model`; empty if it has none.
    package let model: String
    /// Why the relay will not send it; it then ends as errored with this answer. nil if the upstream is to judge.
    package let refusal: [UInt8]?
    /// What it may take from its tenant's budgets; nil if nobody has counted it, as for tenants without one. Unknown is not
    /// nothing: a tenant that has a budget after all is refused.
    package let demand: BudgetAmount?

    package init(
        customID: CustomID, job: JobID, body: [UInt8], model: String, refusal: [UInt8]? = nil,
        demand: BudgetAmount? = nil
    ) {
        self.demand = demand
        self.customID = customID
        self.job = job
        self.body = body
        digest = BodyDigest(body)
        self.model = model
        self.refusal = refusal
    }
}
