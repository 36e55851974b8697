import Domain
@testable import Queue
import TestSupport
import Testing

struct ModelTests {
    /// Both stores do the same random things and must show the same after each.
    @Test(arguments: UInt64(0)..<24)
    func `memory and SQLite behave alike`(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let memory = MemoryJobStore(maxDepth: 30, clock: clock, random: SeededGenerator(seed: seed))
            let sqlite = try SQLiteJobStore.open(
                at: folder + "/queue.sqlite", configuration: JobStoreConfiguration(maxDepth: 30), clock: clock,
                random: SeededGenerator(seed: seed))
            var script = RandomScript(seed: seed, clock: clock)
            for _ in 0..<160 {
                let step = script.next()
                let expected = try await step.run(memory)
                let found = try await step.run(sqlite)
                #expect(expected == found, "seed \(seed), \(step)")
                guard expected == found else { return }
                script.learn(from: expected)
            }
            #expect(
                try await view(of: memory, at: clock.timestamp) == view(of: sqlite, at: clock.timestamp), "seed \(seed)"
            )
            #expect(try await sqlite.problems() == [], "seed \(seed)")
        }
    }

    private func view(of store: any JobStore, at now: Timestamp) async throws -> [String] {
        var lines: [String] = []
        for tenant in [nil] + RandomScript.tenants.map(Optional.some) {
            for state in [nil] + JobState.allCases.map(Optional.some) {
                let page = try await store.list(JobQuery(tenant: tenant, state: state, limit: 1000))
                lines.append("\(page)")
                for job in page.jobs {
                    lines.append("\(try await store.attempts(of: job.id))")
                    lines.append("\(String(describing: try await store.result(of: job.id, tenant: tenant)))")
                }
            }
            var dead = JobQuery(tenant: tenant, limit: 1000)
            dead.isDeadLetter = true
            lines.append("\(try await store.list(dead))")
            let counts = try await store.counts(of: tenant)
            lines.append("\(JobState.allCases.map { counts[$0] ?? -1 })")
        }
        let tenants = try await store.tenants(at: now)
        lines += tenants.map { tenant in
            "\(tenant.share) \(JobState.allCases.map { tenant.counts[$0] ?? -1 }) \(String(describing: tenant.waiting))"
        }
        let deliveries = try await store.deliveryCounts()
        lines.append("\(DeliveryState.allCases.map { deliveries[$0] ?? -1 })")
        for endpoint in try await store.endpoints(of: nil, after: nil, limit: 1000) {
            lines.append("\(endpoint.events.map(\.rawValue).sorted())")
            let rest = endpoint.changed(by: EndpointChange(events: []), at: endpoint.changedAt)
            lines.append("\(rest.with(endpoint.health))")
        }
        for record in try await store.deliveries(DeliveryQuery(tenant: nil, limit: 1000)).records {
            lines.append("\(String(describing: try await store.delivery(record.id, of: nil)))")
        }
        let lanes = try await store.laneCounts(at: now)
        lines.append("\(EndpointHealth.State.allCases.map { lanes[$0] ?? -1 })")
        return lines
    }
}

/// One call of a store, to be made of several.
enum Step: Sendable {
    case submit([NewJob])
    case claim(Int, bytes: Int, of: ModelClass?, at: Timestamp)
    case renew([Lease], at: Timestamp)
    case settle(Settlement)
    case reap(at: Timestamp)
    case cancel(JobID, TenantID, at: Timestamp)
    case replay([Replay], TenantID?, at: Timestamp)
    case setShare(TenantShare)
    case prune(before: Timestamp)
    case rebase(Duration, at: Timestamp)
    case addEndpoint(WebhookEndpoint)
    case changeEndpoint(String, EndpointChange, at: Timestamp)
    case removeEndpoint(String, TenantID)
    case postTest(String, at: Timestamp)
    case redeliver(String, at: Timestamp)
    case redeliverFailed(String?, TenantID?, since: Timestamp, at: Timestamp)
    case claimDeliveries(at: Timestamp)
    case settleDelivery(Delivery, DeliveryOutcome, at: Timestamp)

    enum Answer: Hashable, Sendable {
        case done
        case failed(JobStoreError)
        case outcomes([SubmitOutcome])
        case claims([Claim])
        case renewals([LeaseRenewal])
        case count(Int)
        case cancel(CancelOutcome?)
        case existed(Bool)
        case endpoint(WebhookEndpoint?)
        case posted(String?)
        case redelivery(RedeliveryOutcome)
        case deliveries([Delivery])
        case disabling(EndpointDisabling?)
        case replays([ReplayOutcome])
        case pruned(PruneSlice)
    }

    func run(_ store: any JobStore) async throws -> Answer {
        do {
            return try await call(store)
        } catch let error as JobStoreError {
            return .failed(error)
        }
    }

    private func call(_ store: any JobStore) async throws -> Answer {
        switch self {
        case .submit(let jobs): return .outcomes(try await store.submit(jobs))
        case .claim(let limit, let bytes, let models, let now):
            return .claims(
                try await store.claim(limit: limit, bytes: bytes, of: models, by: "w", at: now, for: .seconds(5)))
        case .renew(let leases, let now):
            return .renewals(try await store.renew(leases, at: now, for: .seconds(5)))
        case .settle(let settlement): try await store.settle(settlement)
        case .reap(let now): return .count(try await store.reap(limit: 3, maxAttempts: 2, at: now))
        case .cancel(let id, let tenant, let now): return .cancel(try await store.cancel(id, of: tenant, at: now))
        case .replay(let replays, let tenant, let now):
            return .replays(try await store.replay(replays, of: tenant, at: now))
        case .setShare(let share): try await store.setShare(share)
        case .prune(let cutoff):
            return .pruned(try await store.prune(endedBefore: cutoff, after: 0, limit: 3))
        case .rebase(let step, let now):
            return .count(try await store.rebase(by: step, keeping: .seconds(10), limit: 100, at: now))
        case .addEndpoint(let endpoint): _ = try await store.addEndpoint(endpoint, sealedUnder: 1, limit: 3)
        case .changeEndpoint, .postTest, .redeliver, .redeliverFailed, .claimDeliveries, .settleDelivery:
            return try await deliver(store)
        case .removeEndpoint(let id, let tenant): return .existed(try await store.removeEndpoint(id, of: tenant))
        }
        return .done
    }

    /// What concerns callbacks.
    private func deliver(_ store: any JobStore) async throws -> Answer {
        switch self {
        case .changeEndpoint(let id, let change, let now):
            return .endpoint(try await store.changeEndpoint(id, of: nil, change, at: now))
        case .postTest(let id, let now): return .posted(try await store.postTest([1], to: id, of: nil, at: now))
        case .redeliver(let id, let now): return .redelivery(try await store.redeliver(id, of: nil, at: now))
        case .redeliverFailed(let id, let tenant, let since, let now):
            return .count(
                try await store.redeliverFailed(endpoint: id, of: tenant, since: since, limit: 3, at: now))
        case .claimDeliveries(let now):
            let demand = DeliveryDemand(slots: DeliverySlots(7), perLane: 2, inlineLimit: 4, limit: 3)
            return .deliveries(try await store.claimDeliveries(demand, at: now, for: .seconds(5)))
        case .settleDelivery(let delivery, let outcome, let now):
            let log = DeliveryAttempt(
                attempt: delivery.attempt, startedAt: now, endedAt: now, status: outcome.status, error: outcome.error)
            return .disabling(
                try await store.settleDelivery(delivery, as: outcome, log: log, rules: Self.rules))
        default: return .done
        }
    }

    /// Quick to trip and to disable.
    private static let rules = {
        var rules = EndpointRules()
        rules.tripAfter = 2
        rules.firstRest = .seconds(2)
        rules.disableAfter = .seconds(6)
        rules.disableAfterFailures = 3
        return rules
    }()
}
