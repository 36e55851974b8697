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
    /// Of the sender's tenant.
    var limits = TenantLimits.none

    func tenant() throws(RelayError) -> TenantID {
        guard let caller else { throw Authenticator.missing }
        return caller.tenant
    }

    /// Whose jobs it may look at, or change: nil for an operator, who may all.
    func visibleTenant() throws(RelayError) -> TenantID? {
        caller?.seesAllTenants(reading: isReading) == true ? nil : try tenant()
    }

    /// The caller's own tenant, or the one that an operator names in the query.
    func listedTenant() throws(RelayError) -> TenantID {
        let own = try tenant()
        guard let named = try query.value("tenant", Identifier.rule, { TenantID($0) }), named != own else { return own }
        guard caller?.seesAllTenants(reading: isReading) == true else {
            throw RelayError(
                .scopeMissing, "The query names another tenant; required is the scope admin:read.",
                remedy: "Leave tenant out, or use a token with that scope.")
        }
        return named
    }

    /// Whether it changes nothing.
    var isReading: Bool { method == "GET" || method == "HEAD" }

    /// Whom the audit log names for what this call does.
    var actor: AuditActor { caller.map { AuditActor($0) } ?? AuditActor(.token, "nobody") }

    func header(_ name: HTTPField.Name) -> String? { headers[name] }
}
