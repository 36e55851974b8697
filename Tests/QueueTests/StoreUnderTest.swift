import Domain
import FoundationEssentials
import Queue
import TestSupport
import Testing

/// The back ends that the conformance suite runs against. A new one joins `all` and is done.
enum StoreUnderTest: String, CaseIterable, CustomTestStringConvertible {
    case memory, sqlite

    static let all = allCases
    var testDescription: String { rawValue }

    /// Runs `body` in a world of its own.
    func run(maxDepth: Int = 1000, _ body: (World) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let store: any JobStore & KeyStore & EgressStore & KeyringStore =
                switch self {
                case .memory: MemoryJobStore(maxDepth: maxDepth, clock: clock)
                case .sqlite:
                    try SQLiteJobStore.open(
                        at: folder + "/queue.sqlite", configuration: JobStoreConfiguration(maxDepth: maxDepth),
                        clock: clock)
                }
            try await body(World(store: store, clock: clock))
        }
    }
}

/// A store, its clock, and the short forms that tests speak in.
struct World {
    let store: any JobStore & KeyStore & EgressStore & KeyringStore
    let clock: ManualClock

    var now: Timestamp { clock.timestamp }

    /// Submits one job and expects it to be accepted.
    func submit(_ job: NewJob) async throws -> JobID {
        let outcomes = try await store.submit([job])
        guard outcomes == [.accepted(job.id)] else { throw Unexpected(what: "\(outcomes)") }
        return job.id
    }

    func submit(priority: Int = 5, runAt: Timestamp? = nil, webhook: WebhookTarget? = nil) async throws -> JobID {
        try await submit(.sample(at: now, priority: priority, runAt: runAt, webhook: webhook))
    }

    func claim(_ limit: Int = 1, by worker: String = "w1") async throws -> [Claim] {
        try await store.claim(limit: limit, bytes: .max, by: worker, at: now, for: .seconds(30))
    }

    /// Claims the one job that is due.
    func claimOne(by worker: String = "w1") async throws -> Lease {
        guard let lease = try await claim(by: worker).first?.lease else { throw Unexpected(what: "nothing due") }
        return lease
    }

    func settle(_ lease: Lease, _ outcome: Settlement.Outcome) async throws {
        try await store.settle(Settlement(lease: lease, outcome: outcome, attempt: .sample(lease, at: now)))
    }

    func finish(_ lease: Lease, as state: JobState = .succeeded) async throws {
        try await settle(lease, .ended(state, .sample()))
    }

    func reap(maxAttempts: Int = 20) async throws -> Int {
        try await store.reap(limit: 100, maxAttempts: maxAttempts, at: now)
    }

    func record(_ id: JobID) async throws -> JobRecord {
        guard let record = try await store.job(id, of: nil) else { throw Unexpected(what: "no job \(id)") }
        return record
    }

    func state(_ id: JobID) async throws -> JobState {
        try await record(id).state
    }

    func addEndpoint(
        _ id: String, tenant: TenantID = .sample(), events: Set<WebhookEvent> = Set(WebhookEvent.allCases)
    ) async throws -> WebhookEndpoint {
        let endpoint = WebhookEndpoint(
            id: id, tenant: tenant, url: "https://example.com/\(id)", events: events, sealedSecret: [1, 2, 3],
            createdAt: now)
        try await store.addEndpoint(endpoint)
        return endpoint
    }

    func claimDeliveries(_ limit: Int = 100) async throws -> [Delivery] {
        try await store.claimDeliveries(limit: limit, at: now, for: .seconds(30))
    }
}

struct Unexpected: Error {
    let what: String
}
