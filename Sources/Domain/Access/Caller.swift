/// Who is calling, as a verified token says.
package struct Caller: Hashable, Sendable {
    package enum Scope: String, Hashable, Sendable, CaseIterable {
        case messages, jobs, admin
    }

    package let tenant: TenantID
    package let scopes: Set<Scope>

    package init(tenant: TenantID, scopes: Set<Scope>) {
        self.tenant = tenant
        self.scopes = scopes
    }
}
