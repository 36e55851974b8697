/// Who is calling, as a verified credential says.
package struct Caller: Hashable, Sendable {
    /// What a credential may be used for.
    package enum Scope: String, Hashable, Sendable, CaseIterable {
        case messages, jobs, webhooks
        /// Reading what operators read, and the jobs of all tenants.
        case adminRead = "admin:read"
        /// Everything.
        case admin

        /// The scopes that `text` separates by commas or spaces; nil if one of them is unknown, or none is there.
        package static func list(_ text: some StringProtocol) -> Set<Scope>? {
            let words = text.split { $0 == "," || $0 == " " }
            let scopes = words.compactMap { Scope(rawValue: String($0)) }
            return scopes.count == words.count && !words.isEmpty ? Set(scopes) : nil
        }

        /// What is allowed, for messages to people.
        package static let rule = allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// What a credential is known by. The kinds are told apart: a `jti` is its issuer's word and may look like anything.
    package enum Credential: Hashable, Sendable {
        /// An API key, by its id.
        case key(String)
        /// A token, by its `jti`.
        case token(String)
    }

    package let tenant: TenantID
    package let scopes: Set<Scope>
    /// Which credential says so, for the audit log; nil: a token without a `jti`. No secret.
    package let credential: Credential?

    package init(tenant: TenantID, scopes: Set<Scope>, credential: Credential? = nil) {
        self.tenant = tenant
        self.scopes = scopes
        self.credential = credential
    }

    /// Whether it may do what needs `scope`.
    ///
    /// `admin` may do all. `jobs` may manage webhooks, because it could before there was a scope for that. `admin:read`
    /// may look at jobs.
    /// - Parameter reading: whether nothing is changed by it.
    package func may(_ scope: Scope, reading: Bool) -> Bool {
        if scopes.contains(scope) || scopes.contains(.admin) { return true }
        switch scope {
        case .webhooks: return scopes.contains(.jobs)
        case .jobs: return reading && scopes.contains(.adminRead)
        case .messages, .adminRead, .admin: return false
        }
    }

    /// Whether it may look at (or, if not `reading`, change) what belongs to other tenants.
    package func seesAllTenants(reading: Bool) -> Bool {
        scopes.contains(.admin) || (reading && scopes.contains(.adminRead))
    }
}

extension Set<Caller.Scope> {
    /// Their names in order, separated by commas.
    package var text: String { map(\.rawValue).sorted().joined(separator: ",") }
}
