import Dispatch
import Domain
import Glibc
@testable import Queue
import Synchronization
import TestSupport
import Testing

struct SQLiteStoreTests {
    @Test func `a reopened file holds everything`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let path = folder + "/queue.sqlite"
            let first = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            _ = try await first.addEndpoint("whe_1")
            let ended = try await first.submit()
            try await first.finish(try await first.claimOne())
            let queued = try await first.submit()

            let second = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            #expect(try await second.store.result(of: ended, tenant: nil) == .sample())
            #expect(try await second.store.attempts(of: ended).count == 1)
            #expect(try await second.store.counts(of: nil)[.succeeded] == 1)
            #expect(try await second.claim(5).map(\.lease.job) == [queued])
            #expect(try await second.claimDeliveries().map(\.job?.id) == [ended])
        }
    }

    @Test func `the file is synced at every commit`() async throws {
        try await withTemporaryFolder { folder in
            let store = try SQLiteJobStore.open(at: folder + "/queue.sqlite", clock: ManualClock())
            let (synchronous, journal) = try await store.writer.alone { connection in
                (
                    try connection.number("PRAGMA synchronous"),
                    try connection.first("PRAGMA journal_mode") { $0.text(0) }
                )
            }
            #expect(synchronous == 2 && journal == "wal")
        }
    }

    @Test func `stores opened at the same moment share one file and claim disjointly`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let now = clock.timestamp
            let stores = try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { try SQLiteJobStore.open(at: folder + "/queue.sqlite", clock: clock) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            _ = try await stores[0].submit((0..<200).map { _ in .sample(at: now) })
            let claims = try await withThrowingTaskGroup { group in
                for (index, store) in stores.enumerated() {
                    group.addTask {
                        var mine: [Claim] = []
                        while true {
                            let more = try await store.claim(
                                limit: 7, bytes: .max, by: "w\(index)", at: now, for: .seconds(30))
                            if more.isEmpty { return mine }
                            mine += more
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claims.count == 200 && Set(claims.map(\.lease.job)).count == 200)
        }
    }

    @Test func `a newer file and another program's file are refused unchanged`() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/queue.sqlite"
            _ = try SQLiteJobStore.open(at: path, clock: ManualClock())
            try SQLiteConnection(path: path).script("PRAGMA user_version = 99")
            let newer = #expect(throws: JobStoreError.self) { try SQLiteJobStore.open(at: path, clock: ManualClock()) }
            #expect("\(newer, default: "")".contains("schema version 99"))
            let foreign = folder + "/foreign.sqlite"
            try SQLiteConnection(path: foreign).script("CREATE TABLE t (x)")
            let other = #expect(throws: JobStoreError.self) {
                try SQLiteJobStore.open(at: foreign, clock: ManualClock())
            }
            #expect("\(other, default: "")".contains("another program"))
            let journal = try SQLiteConnection(path: foreign).first("PRAGMA journal_mode") { $0.text(0) }
            #expect(journal == "delete")
        }
    }

    @Test func `a waiter hears of another process's commit`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let path = folder + "/queue.sqlite"
            let (here, there) = (
                try SQLiteJobStore.open(at: path, clock: clock), try SQLiteJobStore.open(at: path, clock: clock)
            )
            _ = try await here.submit([.sample(at: clock.timestamp)])  // so that it knows the file's version
            let seen = here.changeCount(.jobs)
            _ = try await there.submit([.sample(at: clock.timestamp)])
            await here.waitForChange(.jobs, since: seen, upTo: .seconds(60))
            #expect(here.changeCount(.jobs) != seen && clock.now.offset == .zero)
        }
    }

    @Test func `operations that arrive together share a transaction`() async throws {
        try await withHeldStore { store, now, release in
            let before = store.writer.transactionCount
            let outcomes = try await withThrowingTaskGroup { group in
                for _ in 0..<40 { group.addTask { try await store.submit([.sample(at: now)])[0] } }
                while store.writer.pendingCount < 40 { await Task.yield() }
                release()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count == 40)
            #expect(store.writer.transactionCount == before + 1)
        }
    }

    @Test func `an operation that fails leaves its neighbours whole`() async throws {
        try await withHeldStore { store, now, release in
            let twin = NewJob.sample(at: now)
            let lost = Lease(job: twin.id, row: 77, attempt: 1, worker: "w")
            let results = await withTaskGroup { group in
                for index in 0..<20 {
                    group.addTask { () -> Bool in
                        let job = index < 2 ? twin : NewJob.sample(at: now)  // two of one id: the second must fail
                        return (try? await store.submit([job])) != nil
                    }
                }
                group.addTask {
                    let settlement = Settlement(
                        lease: lost, outcome: .retry(at: now), attempt: .sample(lost, at: now))
                    return (try? await store.settle(settlement)) != nil
                }
                while store.writer.pendingCount < 21 { await Task.yield() }
                release()
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.count { $0 } == 19)
            let counts = try await store.counts(of: nil)
            #expect(counts[.queued] == 19)
            #expect(try await store.list(JobQuery(tenant: nil, limit: 100)).jobs.count == 19)
        }
    }

    @Test func `a full disk refuses all and half-does nothing, and the store recovers`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let now = clock.timestamp
            let store = try SQLiteJobStore.open(at: folder + "/queue.sqlite", clock: clock)
            func limitPages(_ count: Int) async throws {
                _ = try await store.writer.alone { try $0.number("PRAGMA max_page_count = \(count)") }
            }
            try await limitPages(1)  // SQLite takes the present size then
            let refused = await withTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask { () -> Bool in
                        let big = NewJob.sample(at: now, body: Array(repeating: 0x20, count: 100_000))
                        do {
                            _ = try await store.submit([.sample(at: now), big])
                            return false
                        } catch {
                            if case .unavailable = error as? JobStoreError { return true }
                            return false
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(refused == Array(repeating: true, count: 8))
            #expect(try await store.counts(of: nil)[.queued] == 0)
            #expect(try await store.list(JobQuery(tenant: nil)).jobs.isEmpty)
            try await limitPages(1_000_000)
            _ = try await store.submit([.sample(at: now)])
            #expect(try await store.counts(of: nil)[.queued] == 1)
        }
    }

    @Test func `writes beyond the waiting limit are refused`() async throws {
        try await withHeldStore(JobStoreConfiguration(maxPendingWrites: 2)) { store, now, release in
            async let first = store.submit([.sample(at: now, metadata: Array(repeating: 0x20, count: 4000))])
            async let second = store.submit([.sample(at: now)])
            while store.writer.pendingCount < 2 { await Task.yield() }
            // Each: a body of 86 bytes, and a header of 17 and 10.
            await #expect(throws: JobStoreError.busy(waiting: 2, bytes: 2 * (86 + 27) + 4000)) {
                try await store.submit([.sample(at: now)])
            }
            release()
            _ = try await (first, second)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `what has been taken up already is recorded while new work is refused`() async throws {
        try await withHeldStore(JobStoreConfiguration(maxPendingWrites: 2)) { store, now, release in
            async let first = store.submit([.sample(at: now)])
            async let second = store.submit([.sample(at: now)])
            while store.writer.pendingCount < 2 { await Task.yield() }
            let lease = Lease(job: NewJob.sample(at: now).id, row: 77, attempt: 1, worker: "w")
            let renewal = Task { try await store.renew([lease], at: now, for: .seconds(30)) }
            let settlement = Settlement(lease: lease, outcome: .retry(at: now), attempt: .sample(lease, at: now))
            let settling = Task { try await store.settle(settlement) }
            while store.writer.pendingCount < 4 { await Task.yield() }
            await #expect(throws: JobStoreError.self, "twice the limit") {
                try await store.renew([lease], at: now, for: .seconds(30))
            }
            release()
            #expect(try await renewal.value == [.lost])
            await #expect(throws: JobStoreError.leaseLost(lease)) { try await settling.value }
            _ = try await (first, second)
        }
    }

    @Test func `a turn that another process keeps is told, and all goes on when it ends`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            var configuration = JobStoreConfiguration()
            configuration.busyTimeout = .milliseconds(5)
            let told = Mutex<[String?]>([])
            let store = try SQLiteJobStore.open(
                at: folder + "/queue.sqlite", configuration: configuration, clock: clock,
                onHealth: { news in told.withLock { $0.append(news) } })
            let file = open(folder + "/queue.sqlite.turn", O_RDWR | O_CLOEXEC)
            let other = FileLock(descriptor: file, byte: 1)  // of an open file, so as good as another process's
            #expect(other.take())
            await #expect(throws: JobStoreError.self) { try await store.submit([.sample(at: clock.timestamp)]) }
            await #expect(throws: JobStoreError.self) { try await store.checkHealth() }
            #expect(told.withLock { $0.count == 1 && $0[0]?.contains("another process") == true })
            close(file)
            try await store.checkHealth()
            #expect(told.withLock { $0.count == 2 && $0[1] == nil })
        }
    }

    @Test func `a store that cannot be opened says why, and takes nothing down`() throws {
        try withTemporaryFolder { folder in
            mkdir(folder + "/queue.sqlite.turn", 0o700)
            let error = #expect(throws: JobStoreError.self) {
                try SQLiteJobStore.open(at: folder + "/queue.sqlite", clock: ManualClock())
            }
            #expect("\(error, default: "")".contains("queue.sqlite.turn"))
        }
    }

    /// Runs `body` with a store whose writer stands still until `release` is called.
    private func withHeldStore(
        _ configuration: JobStoreConfiguration = JobStoreConfiguration(),
        _ body: (SQLiteJobStore, Timestamp, () -> Void) async throws -> Void
    ) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let store = try SQLiteJobStore.open(
                at: folder + "/queue.sqlite", configuration: configuration, clock: clock)
            let gate = DispatchSemaphore(value: 0)
            let isHeld = Mutex(false)
            let hold = Task {
                try await store.writer.alone { _ in
                    isHeld.withLock { $0 = true }
                    gate.wait()
                }
            }
            while !isHeld.withLock({ $0 }) { await Task.yield() }
            try await body(store, clock.timestamp) { _ = gate.signal() }
            _ = try await hold.value
        }
    }
}
