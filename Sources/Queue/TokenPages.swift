package import Domain

/// Which API keys a page is to hold.
package struct APIKeyQuery: Hashable, Sendable {
    package static let limits = 1...1000
    /// nil for those of all tenants.
    package var tenant: TenantID?
    /// What their beginning begins with.
    package var prefix = ""
    /// The id of the last one of the page before; nil for the first page.
    package var after: String?
    package var limit: Int

    /// - Parameter limit: in ``limits``.
    package init(tenant: TenantID? = nil, limit: Int) {
        self.tenant = tenant
        self.limit = limit
    }
}

/// Which revocations a page is to hold.
package struct RevocationQuery: Hashable, Sendable {
    /// nil for all; else of this tenant as a whole alone.
    package var tenant: TenantID?
    /// The last one of the page before; nil for the first page.
    package var after: TokenRevocation.Subject?
    package var limit: Int

    /// - Parameter limit: in ``APIKeyQuery/limits``.
    package init(tenant: TenantID? = nil, limit: Int) {
        self.tenant = tenant
        self.limit = limit
    }
}
