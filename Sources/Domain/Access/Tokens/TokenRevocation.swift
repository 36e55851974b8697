/// What an operator has taken back.
package struct TokenRevocation: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
        /// One JWT, by its `jti`, whoever issued it.
        case token(String)
        /// Everything that was issued to a tenant before the revocation: JWTs and API keys.
        case tenant(TenantID)

        /// The `jti`, or the tenant.
        package var name: String {
            switch self {
            case .token(let id): id
            case .tenant(let tenant): tenant.text
            }
        }

        /// For people.
        package var words: String {
            switch self {
            case .token: "one token"
            case .tenant: "all tokens of the tenant"
            }
        }
    }

    package let subject: Subject
    package let since: Timestamp

    package init(_ subject: Subject, since: Timestamp) {
        self.subject = subject
        self.since = since
    }

    /// Revocations of single tokens that a store keeps at most. Those of tenants are not counted: a tenant can always be
    /// locked out.
    package static let tokenLimit = 100_000
    /// Bytes of a `jti` that can be revoked.
    package static let tokenIDLimit = 256
}
