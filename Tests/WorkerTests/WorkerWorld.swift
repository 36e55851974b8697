import Domain
import Logging
import Queue
import ServiceLifecycle
import TestSupport
import Testing

@testable import Worker

/// One worker with its queue, its gateway and its clock.
struct WorkerWorld {
    let clock = ManualClock()
    let memory: MemoryJobStore
    let store: FaultyStore
    let gateway: ScriptedGateway
    let registry = AttemptRegistry()
    private(set) var services: WorkerServices

    init(
        answer: ScriptedGateway.Answer = .success, closesCalls: Bool = true,
        retry: RetryPolicy = .jobs, concurrency: Int = 4
    ) {
        memory = MemoryJobStore(clock: clock, random: SeededGenerator(seed: 1))
        store = FaultyStore(memory)
        gateway = ScriptedGateway(wall: clock.wall, closesCalls: closesCalls, answer: answer)
        var configuration = WorkerConfiguration(name: "w")
        configuration.concurrency = concurrency
        configuration.retry = retry
        services = WorkerServices(
            configuration: configuration, store: store, gateway: gateway, prices: PriceBook(.sample), clock: clock,
            wall: clock.wall,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, random: SeededGenerator(seed: 2))
    }

    /// Changes what the worker may do.
    mutating func configure(_ change: (inout WorkerConfiguration) -> Void) {
        var configuration = services.configuration
        change(&configuration)
        services = WorkerServices(
            configuration: configuration, store: store, gateway: gateway, prices: PriceBook(.sample), clock: clock,
            wall: clock.wall,
            logger: services.logger, random: SeededGenerator(seed: 2))
    }

    var now: Timestamp { clock.timestamp }

    @discardableResult
    func submit(
        _ count: Int = 1, priority: Int = 5, deadline: Timestamp? = nil, model: String = "claude-test"
    ) async throws -> [JobID] {
        let jobs = (0..<count).map { _ in
            NewJob.sample(at: now, priority: priority, deadline: deadline, model: model)
        }
        _ = try await memory.submit(jobs)
        return jobs.map(\.id)
    }

    func claim() async throws -> Claim {
        try #require(try await memory.claim(limit: 1, bytes: .max, by: "w", at: now, for: .seconds(30)).first)
    }

    /// Starts the attempt at the one job there is.
    @discardableResult
    func start(permitStart: Timestamp? = nil) async throws -> Claim {
        let claim = try await claim()
        let runner = AttemptRunner(services: services, registry: registry)
        let permit = gateway.permit(start: permitStart)
        registry.start(claim.lease, bytes: claim.body.count) { await runner.run(claim, with: permit) }
        return claim
    }

    /// Works the one job there is to the end of its attempt.
    func attempt(permitStart: Timestamp? = nil) async throws -> Claim {
        let claim = try await start(permitStart: permitStart)
        try await until { registry.count == 0 }
        return claim
    }

    func job(_ id: JobID) async throws -> JobRecord {
        try #require(try await memory.job(id, of: nil))
    }

    func journal(_ id: JobID) async throws -> [AttemptRecord] {
        try await memory.attempts(of: id)
    }

    func count(_ state: JobState) async throws -> Int {
        try await memory.counts(of: nil)[state] ?? 0
    }

    func group(_ services: [any Service]) -> ServiceGroup {
        ServiceGroup(
            configuration: .init(services: services.map { .init(service: $0) }, logger: self.services.logger))
    }

    /// Everything a worker process runs.
    var pool: ServiceGroup { group(WorkerPool.services(services)) }

    func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() {
            try Task.checkCancellation()  // the time limit
            await Task.yield()
        }
    }
}
