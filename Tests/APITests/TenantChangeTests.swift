import Domain
import Queue
import Testing

struct TenantChangeTests {
    @Test func `of changes that race, each of another field, none is lost`() async throws {
        try await World.run { world in
            let bodies = [
                #"{"concurrency":7}"#, #"{"queued_jobs":7}"#, #"{"body_bytes":7}"#, #"{"tokens_per_day":7}"#,
                #"{"tokens_per_month":7}"#, #"{"usd_per_day":7}"#, #"{"usd_per_month":7}"#,
                #"{"requests_per_second":7}"#,
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for body in bodies {
                    for number in 0..<8 {
                        group.addTask {
                            let path = "/admin/v1/tenants/t\(number)"
                            let answer = try await world.send("PATCH", path, body, token: "root:admin")
                            #expect(answer.status == 200)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for (tenant, limits) in try await world.store.limits() {
                let set = TenantLimitField.allCases.filter { $0.text(in: limits) != nil }
                #expect(set.count == bodies.count, "\(tenant)")
            }
        }
    }
}
