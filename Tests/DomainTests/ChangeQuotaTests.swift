import Domain
import TestSupport
import Testing

struct ChangeQuotaTests {
    @Test(arguments: [1, 7, 60, 1000])
    func `a tenant may make all its changes at once, and then waits for each`(limit: Int) {
        var quota = ChangeQuota(limit: limit)
        let tenant = TenantID.sample("acme")
        for _ in 0..<limit { #expect(quota.take(tenant, at: .seconds(5)) == nil) }
        let wait = quota.take(tenant, at: .seconds(5)) ?? .zero
        // A share of a minute need not be a whole number of attoseconds.
        let (least, most) = (.seconds(60) / limit - .microseconds(1), .seconds(60) / limit + .microseconds(1))
        #expect((least...most).contains(wait))
        #expect(quota.take(tenant, at: .seconds(5) + wait) == nil)
        #expect(quota.take(tenant, at: .seconds(5) + wait) != nil)
    }

    @Test
    func `one tenant's changes are not another's, and a refused one costs nothing`() {
        var quota = ChangeQuota(limit: 2)
        let (one, other) = (TenantID.sample("one"), TenantID.sample("other"))
        for _ in 0..<10 { _ = quota.take(one, at: .zero) }
        #expect(quota.take(other, at: .zero) == nil)
        #expect(quota.take(one, at: .seconds(30)) == nil)
    }

    @Test(arguments: UInt64(0)..<100)
    func `within any minute no more than twice the limit is allowed, and in the long run the limit`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...20, using: &random)
        var quota = ChangeQuota(limit: limit)
        var now = Duration.zero
        var allowed = 0
        for _ in 0..<2000 {
            now += .milliseconds(Int.random(in: 0...3000, using: &random))
            if quota.take(.sample(), at: now) == nil { allowed += 1 }
        }
        let minutes = now / .seconds(60)
        #expect(Double(allowed) <= Double(limit) * (minutes + 1) + 0.001)
    }

    @Test
    func `tenants that have their whole minute again are forgotten`() {
        var quota = ChangeQuota(limit: 60)
        for number in 0..<20_000 { _ = quota.take(.sample("t\(number)"), at: .milliseconds(number)) }
        #expect(quota.tenantCount <= 10_001)
    }
}
