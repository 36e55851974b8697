import Domain
import FoundationEssentials
import Queue
import TestSupport
import Testing

/// The back ends that the conformance suite runs against. A new one joins `all` and is done.
enum StoreUnderTest: String, CaseIterable, CustomTestStringConvertible {
    case memory, sqlite
    /// The same as `sqlite`, with payloads sealed.
    case sealed

    static let all = allCases
    var testDescription: String { rawValue }

    /// Runs `body` in a world of its own.
    func run(maxDepth: Int = 1000, _ body: (World) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let audit = AuditKeeping(sealer: PlainSealer(), wall: clock.wall)
            let store: any RelayStore =
                switch self {
                case .memory: MemoryJobStore(maxDepth: maxDepth, clock: clock, audit: audit)
                case .sqlite, .sealed:
                    try SQLiteJobStore.open(
                        at: folder + "/queue.sqlite", configuration: JobStoreConfiguration(maxDepth: maxDepth),
                        clock: clock, audit: audit)
                }
            if self == .sealed, let store = store as? SQLiteJobStore {
                store.keepPayloads(with: PayloadKeeping(sealer: MaskingSealer(), isOn: true))
            }
            try await body(World(store: store, clock: clock))
        }
    }
}

/// A store, its clock, and the short forms that tests speak in.
struct World {
    let store: any RelayStore
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
        _ id: String, tenant: TenantID = .sample(), events: Set<WebhookEvent> = Set(WebhookEvent.subscribable)
    ) async throws -> WebhookEndpoint {
        let endpoint = WebhookEndpoint(
            id: id, tenant: tenant, url: "https://example.com/\(id)", events: events,
            secret: EndpointSecret(sealed: [1, 2, 3], createdAt: now), createdAt: now)
        #expect(try await store.addEndpoint(endpoint, sealedUnder: 1, limit: WebhookEndpoint.most))
        return endpoint
    }

    func claimDeliveries(_ limit: Int = 100, perLane: Int = 1000) async throws -> [Delivery] {
        let demand = DeliveryDemand(
            slots: DeliverySlots(100_000), perLane: perLane, inlineLimit: .max, limit: limit)
        return try await store.claimDeliveries(demand, at: now, for: .seconds(30))
    }

    /// Settles what `delivery` stands for, as it would be now.
    @discardableResult
    func settle(
        _ delivery: Delivery, as outcome: DeliveryOutcome, rules: EndpointRules = EndpointRules()
    ) async throws -> EndpointDisabling? {
        let log = DeliveryAttempt(
            attempt: delivery.attempt, startedAt: now, endedAt: now, status: outcome.status, error: outcome.error)
        return try await store.settleDelivery(delivery, as: outcome, log: log, rules: rules)
    }
}

struct Unexpected: Error {
    let what: String
}

extension DeliveryOutcome {
    /// What the receiver answered.
    var status: Int? {
        switch self {
        case .delivered(_, let status), .gone(_, let status): status
        case .retry, .failed, .postponed: nil
        }
    }

    var error: String? {
        switch self {
        case .retry(_, let error, _), .failed(_, let error): error
        case .delivered, .gone, .postponed: nil
        }
    }
}

extension Delivery {
    var job: JobRecord? {
        if case .job(let job, _) = subject { job } else { nil }
    }

    var result: DeliveredResult? {
        if case .job(_, let result) = subject { result } else { nil }
    }
}
