import Domain
import HTTPTypes

/// One request as the routes see it.
struct Call: Sendable {
    /// The relay's name for it: `req_relay_…`.
    let id: String
    let method: String
    /// With the query, as the client wrote it.
    let target: String
    /// The parts that a route's pattern leaves open, in order, percent-decoded.
    let parameters: [String]
    let query: Query
    let headers: HTTPFields
    let body: RequestBytes
    /// The verified sender; the open routes have none.
    let caller: Caller?

    func tenant() throws(RelayError) -> TenantID {
        guard let caller else { throw Authenticator.missing }
        return caller.tenant
    }

    /// Whose jobs it may look at: nil for an operator, who sees all.
    func visibleTenant() throws(RelayError) -> TenantID? {
        caller?.scopes.contains(.admin) == true ? nil : try tenant()
    }

    /// Whom the audit log names for what this call does.
    var actor: AuditActor { AuditActor(.token, caller?.tenant.text ?? "nobody") }

    func header(_ name: HTTPField.Name) -> String? { headers[name] }
}
