import Domain
import TestSupport
import Testing

struct CallerTests {
    private func may(_ held: Caller.Scope, _ needed: Caller.Scope, reading: Bool) -> Bool {
        Caller(tenant: .sample(), scopes: [held]).may(needed, reading: reading)
    }

    @Test func `each scope allows what it names, admin all, jobs webhooks, and admin:read looking at jobs`() {
        let more: [Caller.Scope: Set<Caller.Scope>] = [.admin: Set(Caller.Scope.allCases), .jobs: [.webhooks]]
        for held in Caller.Scope.allCases {
            for needed in Caller.Scope.allCases {
                let isExpected = held == needed || more[held, default: []].contains(needed)
                #expect(may(held, needed, reading: false) == isExpected, "\(held) \(needed)")
                let looks = isExpected || (held == .adminRead && needed == .jobs)
                #expect(may(held, needed, reading: true) == looks, "\(held) \(needed)")
            }
        }
    }

    @Test func `only operators see other tenants, and those of admin:read change nothing there`() {
        for scope in Caller.Scope.allCases {
            let caller = Caller(tenant: .sample(), scopes: [scope])
            #expect(caller.seesAllTenants(reading: true) == [.admin, .adminRead].contains(scope))
            #expect(caller.seesAllTenants(reading: false) == (scope == .admin))
        }
    }

    @Test func `lists of scopes are words of commas and spaces, none of them unknown`() {
        #expect(Caller.Scope.list("messages,admin:read") == [.messages, .adminRead])
        #expect(Caller.Scope.list("jobs webhooks") == [.jobs, .webhooks])
        for text in ["", ",", "jobs,admin:write", "Jobs"] { #expect(Caller.Scope.list(text) == nil, "\(text)") }
    }
}
