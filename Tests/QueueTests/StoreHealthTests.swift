import Domain
@testable import Queue
import Synchronization
import TestSupport
import Testing

struct StoreHealthTests {
    private let ioError = SQLiteFailure(extendedCode: 10, message: "disk I/O error")
    private let failedSync = SQLiteFailure(extendedCode: SQLiteFailure.failedSync, message: "disk I/O error")

    @Test func `a transaction does not make a failed checkpoint good`() {
        let told = Mutex<[String?]>([])
        let health = StoreHealth { news in told.withLock { $0.append(news) } }
        health.noteCheckpoint(WriteFailure(ofCheckpoint: ioError))
        health.noteCheckpoint(WriteFailure(ofCheckpoint: ioError))
        health.noteTransaction(nil)
        #expect(health.failure?.kind == .checkpoint)
        health.noteTransaction(WriteFailure(ioError))
        #expect(health.failure?.kind == .other)
        health.noteTransaction(nil)
        #expect(health.failure?.kind == .checkpoint)
        health.noteCheckpoint(nil)
        #expect(health.failure == nil)
        #expect(told.withLock { $0.map { $0 == nil } } == [false, false, false, true], "each change is told once")
    }

    @Test func `a snapshot that cannot be ended does not outlive its read`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/queue.sqlite"
            let store = try SQLiteJobStore.open(at: path, clock: ManualClock())
            let readers = SQLiteReaders(path: path, limit: 1)
            try await readers.read { try $0.script("COMMIT; PRAGMA query_only = OFF; PRAGMA foreign_keys = ON; BEGIN") }
            try await readers.read { connection in
                try connection.script(
                    """
                    CREATE TEMP TABLE parents (x PRIMARY KEY); SELECT count(*) FROM main.jobs;
                    CREATE TEMP TABLE children (x REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
                    INSERT INTO children VALUES (1)
                    """)  // so that its COMMIT fails
            }
            _ = try await store.submit([.sample(at: ManualClock().timestamp)])
            #expect(try await readers.read { try $0.number("SELECT count(*) FROM main.jobs") } == 1)
        }
    }

    @Test(arguments: [
        "UPDATE counters SET count = count + iif(name = 'jobs.queued', -1, 1) WHERE name IN ('jobs.queued', 'jobs.errored')",
        "UPDATE tenants SET queued = queued - 1, running = running + 1 WHERE name = 'acme'",
        "UPDATE tenants SET queued = queued + iif(name = 'acme', -1, 1)",
        "UPDATE counters SET count = count + 1 WHERE name = 'deliveries.pending'",
        "UPDATE lanes SET pending = pending + 1", "UPDATE lanes SET in_flight = 1", "DELETE FROM lanes",
    ])
    func `a recount finds what the sums hide`(_ falsehood: String) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let world = World(store: try SQLiteJobStore.open(at: folder + "/queue.sqlite", clock: clock), clock: clock)
            _ = try await world.submit(webhook: .url("https://example.com/"))
            try await world.settle(try await world.claimOne(), .ended(.errored, .sample(status: 400)))
            for tenant in ["acme", "acme", "zeta"] {
                _ = try await world.submit(.sample(tenant: .sample(tenant), at: world.now))
            }
            let store = try #require(world.store as? SQLiteJobStore)
            #expect(try await store.problems() == [])
            try await store.writer.alone { try $0.script(falsehood) }
            #expect(try await !store.problems().isEmpty)
        }
    }

    @Test func `after a failed sync of the file only a new start helps`() {
        let health = StoreHealth { _ in }
        health.noteCheckpoint(WriteFailure(ofCheckpoint: failedSync))
        health.noteCheckpoint(nil)
        health.noteTransaction(nil)
        #expect(health.failure?.kind == .sync)
        #expect(health.failure?.detail.contains("stop all relay processes") == true)
    }
}
