/// A job in a worker's hands: the lease and all that is needed to send it.
package struct Claim: Hashable, Sendable {
    package let lease: Lease
    package let tenant: TenantID
    package let body: [UInt8]
    /// Taken when the body came in; nil if it was by an older relay.
    package let digest: BodyDigest?
    package let headers: [HeaderField]
    package let model: String
    package let createdAt: Timestamp
    package let deadline: Timestamp?
    /// When the first attempt was claimed: the retry budget's elapsed time counts from here.
    package let firstClaimedAt: Timestamp
    /// How many earlier attempts the upstream may have executed: those that spend the budget of attempts.
    package let chargedAttempts: Int
    /// Why the body cannot be had: it is not what was stored, and must not be sent. nil if it can.
    package let damage: RelayError?

    package init(
        lease: Lease, tenant: TenantID, body: [UInt8], digest: BodyDigest? = nil, headers: [HeaderField], model: String,
        createdAt: Timestamp, deadline: Timestamp?, firstClaimedAt: Timestamp, chargedAttempts: Int = 0,
        damage: RelayError? = nil
    ) {
        self.damage = damage
        self.lease = lease
        self.tenant = tenant
        self.body = body
        self.digest = digest
        self.headers = headers
        self.model = model
        self.createdAt = createdAt
        self.deadline = deadline
        self.firstClaimedAt = firstClaimedAt
        self.chargedAttempts = chargedAttempts
    }
}
