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

        /// What stands for it between two pages: `jti:…` or `tenant:…`.
        package var cursor: String {
            switch self {
            case .token(let id): "jti:\(id)"
            case .tenant(let tenant): "tenant:\(tenant)"
            }
        }

        /// nil if `cursor` is none.
        package init?(cursor: String) {
            let parts = cursor.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (parts.first, parts.dropFirst().first) {
            case ("jti", let id?): self = .token(id)
            case ("tenant", let name?):
                guard let tenant = TenantID(name) else { return nil }
                self = .tenant(tenant)
            default: return nil
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
