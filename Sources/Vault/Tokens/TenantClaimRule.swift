package import Domain

/// For which tenants an issuer may speak.
package enum TenantClaimRule: Hashable, Sendable {
    case all
    case listed(Set<TenantID>)
    /// Those whose name begins so.
    case beginning(String)

    func allows(_ tenant: TenantID) -> Bool {
        switch self {
        case .all: true
        case .listed(let tenants): tenants.contains(tenant)
        case .beginning(let prefix): tenant.text.hasPrefix(prefix)
        }
    }
}
