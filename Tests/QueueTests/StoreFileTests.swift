import Domain
import Glibc
@testable import Queue
import Synchronization
import TestSupport
import Testing

/// What concerns the file: migrations, backups, damage, checkpoints, space.
struct StoreFileTests {
    @Test func `a file of version 1 is brought up to date with all that is in it`() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/relay.sqlite"
            let old = try SQLiteConnection(path: path)
            for statement in SchemaV1.statements { try old.script(statement) }
            try old.script(SchemaV1.rows)
            let clock = ManualClock()
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            let world = World(store: store, clock: clock)
            let counts = try await store.counts(of: nil)
            #expect(JobState.allCases.map { counts[$0] ?? -1 }.reduce(0, +) == 4)
            #expect(counts[.queued] == 1 && counts[.running] == 1 && counts[.succeeded] == 1 && counts[.errored] == 1)
            let ids = try await store.list(JobQuery(tenant: .sample("acme"), limit: 10)).jobs.map(\.id)
            #expect(ids.count == 3)
            #expect(try await store.result(of: ids[0], tenant: .sample("acme"))?.body == Array("answer 3".utf8))
            #expect(try await store.attempts(of: ids[0]).map(\.verdict) == ["success"])
            let claim = try #require(await world.claim(5).first)
            #expect(claim.lease.job == ids[2] && claim.lease.attempt == 2 && claim.chargedAttempts == 1)
            #expect(claim.body == Array("body 1".utf8) && claim.firstClaimedAt == Timestamp(microseconds: 1500))
            let running = Lease(job: ids[1], row: 2, attempt: 1, worker: "w1")
            try await world.finish(running)
            #expect(try await world.claimDeliveries().map(\.id).first == "evt_1")
            #expect(try await store.keys().map(\.id) == ["default"])
            let again = try SQLiteJobStore.open(at: path, clock: clock)
            #expect(try await again.counts(of: nil)[.succeeded] == 2)
        }
    }

    @Test func `a file of version 4, which knew no classes of models, loses no job`() async throws {
        try await withTemporaryFolder { folder in
            let (path, clock) = (folder + "/relay.sqlite", ManualClock())
            do {
                let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
                for _ in 0..<5 { _ = try await world.submit(.sample(at: world.now, model: "claude-opus-4-1")) }
                _ = try await world.claim(2)
            }
            let connection = try SQLiteConnection(path: path)
            try SchemaV5.takeBack(connection)
            try connection.script(
                """
                DROP INDEX queued_due; CREATE INDEX queued_due ON queued(tenant, priority, run_at);
                ALTER TABLE queued DROP COLUMN class; ALTER TABLE running DROP COLUMN class; DROP TABLE model_classes;
                ALTER TABLE keys DROP COLUMN workspace; PRAGMA user_version = 4
                """)
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            let world = World(store: store, clock: clock)
            #expect(try await store.dueClasses(at: world.now) == [.other])
            let old = try await store.claim(limit: 9, bytes: .max, of: .other, by: "w", at: world.now, for: .seconds(9))
            #expect(old.count == 3 && old.allSatisfy { $0.model == "claude-opus-4-1" })
            _ = try await world.submit(.sample(at: world.now, model: "claude-opus-4-1"))
            #expect(try await store.dueClasses(at: world.now) == [ModelClass(model: "claude-opus-4-1")])
            #expect(try await store.problems().isEmpty)
        }
    }

    @Test func `a file of version 5, which knew no lanes, forgets no event`() async throws {
        try await withTemporaryFolder { folder in
            let (path, clock) = (folder + "/relay.sqlite", ManualClock())
            let ids = try await SchemaV5.make(path, clock)
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            let world = World(store: store, clock: clock)
            #expect(try await store.problems() == [])
            #expect(try await store.deliveryCounts() == [.pending: 5, .delivered: 1, .failed: 1])
            let endpoint = try await world.endpoint("whe_1")
            #expect(endpoint.secret == EndpointSecret(sealed: [7, 7], createdAt: world.now))
            #expect(endpoint.previous == nil)
            #expect(endpoint.status == .active && endpoint.payload == .full && endpoint.changedAt == world.now)
            let page = try await store.deliveries(DeliveryQuery(tenant: .sample()))
            #expect(page.records.map(\.id) == ids.reversed() && page.records.allSatisfy { $0.job != nil })
            let first = try await world.claimDeliveries()
            #expect(Set(first.map(\.id)) == ["evt_own", "evt_url"], "one a lane; its endpoint is gone")
            #expect(try await world.pending() == 4)
            clock.advance(by: .seconds(60))  // whoever had claimed the other is lost, and we are late
            let rest = try await world.deliverAll()
            #expect(Set(rest) == ["evt_own", "evt_lost", "evt_url", "evt_url2"])
            #expect(try await store.redeliver("evt_failed", of: .sample(), at: world.now).sent?.state == .pending)
            #expect(try await world.deliverAll() == ["evt_failed"])
            #expect(try await store.problems() == [])
        }
    }

    @Test func `a file of version 6, whose lanes were nobody's, forgets no event`() async throws {
        try await withTemporaryFolder { folder in
            let (path, clock) = (folder + "/relay.sqlite", ManualClock())
            do {
                let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
                _ = try await world.addEndpoint("whe_1", tenant: .sample("other"))
                try await world.announce(2, tenant: .sample("other"), to: .url("https://a.example/hook"))
                _ = try await world.addEndpoint("whe_gone")
                try await world.announce(1)
            }
            let connection = try SQLiteConnection(path: path)
            try SchemaV6.takeBack(connection)
            try connection.script(
                """
                DELETE FROM endpoints WHERE id = 'whe_gone'; UPDATE lanes SET mode = 3 WHERE name = 'whe_gone'
                """)
            let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            #expect(try await world.problems() == [])
            #expect(try await !world.endpoint("whe_1").health.isTrusted, "nothing has come back yet")
            let lanes = try SQLiteConnection(path: path).all("SELECT name, tenant FROM lanes ORDER BY number") {
                [$0.text(0), $0.text(1)]
            }
            #expect(lanes == [["whe_1", "other"], ["other https://a.example", "other"], ["whe_gone", "acme"]])
            #expect(try await world.takeAll().count == 4)
            #expect(try await world.problems() == [])
        }
    }

    @Test func `jobs of a class whose name is too long, as earlier relays made them, are claimed beside others`()
        async throws
    {
        try await withTemporaryFolder { folder in
            let (path, clock) = (folder + "/relay.sqlite", ManualClock())
            do {
                let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
                for model in ["claude-haiku-4-5", "claude-opus-4-1", "claude-opus-4-1"] {
                    _ = try await world.submit(.sample(at: world.now, model: model))
                }
                _ = try await world.store.claim(
                    limit: 1, bytes: .max, of: ModelClass(model: "claude-opus-4-1"), by: "w", at: world.now,
                    for: .seconds(9))
            }
            try SQLiteConnection(path: path).script(
                "UPDATE model_classes SET name = '\(String(repeating: "a", count: 40))' WHERE name = 'opus-4'")
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            #expect(
                Set(try await store.dueClasses(at: clock.timestamp)) == [ModelClass(model: "claude-haiku-4"), .other])
            let others = try await store.claim(
                limit: 9, bytes: .max, of: .other, by: "w", at: clock.timestamp, for: .seconds(9))
            #expect(others.map(\.model) == ["claude-opus-4-1"])
            #expect(try await store.problems().isEmpty)
        }
    }

    @Test func `a migrated file and a new one have the same tables and indexes`() throws {
        try withTemporaryFolder { folder in
            func schema(of path: String) throws -> [String] {
                _ = try SQLiteJobStore.open(at: path, clock: ManualClock())
                return try SQLiteConnection(path: path).all(
                    """
                    SELECT s.type || ' ' || s.name || ' ' || coalesce(group_concat(c.name || c.type || c."notnull"), '')
                    FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) c GROUP BY s.name ORDER BY 1
                    """
                ) { $0.text(0) }
            }
            let old = try SQLiteConnection(path: folder + "/old.sqlite")
            for statement in SchemaV1.statements { try old.script(statement) }
            try old.script(SchemaV1.rows)
            #expect(try schema(of: folder + "/old.sqlite") == schema(of: folder + "/new.sqlite"))
        }
    }

    @Test func `a backup taken under load opens, and holds what was acknowledged before`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let now = clock.timestamp
            let store = try SQLiteJobStore.open(at: folder + "/relay.sqlite", clock: clock)
            var before: [JobID] = []
            for _ in 0..<20 {
                let jobs = (0..<50).map { _ in NewJob.sample(at: now, body: Array(repeating: 0x20, count: 2000)) }
                _ = try await store.submit(jobs)
                before += jobs.map(\.id)
            }
            let isDone = Mutex(false)
            async let load = {
                while !isDone.withLock({ $0 }) { _ = try await store.submit([.sample(at: now)]) }
            }()
            let steps = Mutex<[Int]>([])
            try SQLiteJobStore.backUp(folder + "/relay.sqlite", to: folder + "/copy.sqlite") { copied, _ in
                steps.withLock { $0.append(copied) }
            }
            isDone.withLock { $0 = true }
            try await load
            #expect(steps.withLock { $0.count } > 0)
            let copy = try SQLiteJobStore.open(at: folder + "/copy.sqlite", clock: clock)
            for id in before { #expect(try await copy.job(id, of: nil)?.state == .queued) }
            let taken = folder + "/copy.sqlite"
            #expect(throws: JobStoreError.unavailable(detail: "\(taken) exists; choose another name")) {
                try SQLiteJobStore.backUp(folder + "/relay.sqlite", to: taken) { _, _ in }
            }
        }
    }

    @Test func `deleted jobs give their space back`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let world = World(store: try SQLiteJobStore.open(at: folder + "/relay.sqlite", clock: clock), clock: clock)
            for _ in 0..<10 {
                _ = try await world.store.submit(
                    (0..<100).map { _ in .sample(at: world.now, body: Array(repeating: 0x20, count: 20_000)) })
                for claim in try await world.claim(100) { try await world.finish(claim.lease) }
            }
            _ = try await world.submit()
            clock.advance(by: .seconds(10))
            let before = try await world.store.usage()
            #expect(try await world.store.prune(endedBefore: world.now, after: 0, limit: 1000).deleted == 1000)
            let freed = try await world.store.usage()
            #expect(freed.freeBytes > before.fileBytes / 2 && freed.fileBytes == before.fileBytes)
            let path = folder + "/relay.sqlite"
            let log = FileSize.bytes(of: path + "-wal")
            #expect(try await world.store.shrink(by: 1 << 20) == 1 << 20)
            while try await world.store.shrink(by: 1 << 20) > 0 {}
            #expect(try await world.store.usage().fileBytes < before.fileBytes / 2)
            #expect(FileSize.bytes(of: path) < before.fileBytes / 2, "as the file system has it, without another write")
            #expect(FileSize.bytes(of: path + "-wal") <= log + 3 << 20, "what is given back is not written to the log")
            #expect(try await world.store.counts(of: nil)[.queued] == 1)
        }
    }

    @Test func `a damaged page is told, and leaves the other jobs at work`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let path = folder + "/relay.sqlite"
            var ids: [JobID] = []
            do {
                let store = try SQLiteJobStore.open(at: path, clock: clock)
                for byte in UInt8(0)..<8 {
                    let job = NewJob.sample(at: clock.timestamp, body: Array(repeating: byte + 65, count: 30_000))
                    ids.append(try await World(store: store, clock: clock).submit(job))
                }
            }
            let connection = try SQLiteConnection(path: path)
            while case let (log, moved)? = try connection.checkpoint(), moved < log {}
            try spoil(path, where: Array(repeating: UInt8(ascii: "D"), count: 64))
            let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            let claims = try await world.claim(8)
            #expect(claims.count >= 7 && !claims.contains { $0.body.contains(0xFF) && $0.lease.job != ids[3] })
            for claim in claims { try await world.finish(claim.lease) }
        }
    }

    /// Overwrites the first page of `path` that holds `pattern` with a page that cannot be.
    private func spoil(_ path: String, where pattern: [UInt8]) throws {
        let file = open(path, O_RDWR)
        defer { close(file) }
        var page = [UInt8](repeating: 0, count: 8192)
        var offset: off_t = 0
        while pread(file, &page, page.count, offset) == page.count {
            if page.indices.dropLast(64).contains(where: { Array(page[$0..<($0 + 64)]) == pattern }) {
                let spoilt = [UInt8](repeating: 0xFF, count: 16)
                _ = pwrite(file, spoilt, spoilt.count, offset)
                return
            }
            offset += 8192
        }
        throw Unexpected(what: "no page to spoil")
    }

    @Test func `the log is moved beside the writer, and ended by it`() {
        var policy = CheckpointPolicy()
        #expect(policy.committed(length: 10) == .none)
        #expect(policy.committed(length: CheckpointPolicy.worthwhile) == .background)
        #expect(policy.committed(length: CheckpointPolicy.worthwhile + 50) == .none)
        policy.finished(length: CheckpointPolicy.worthwhile + 50)
        #expect(policy.committed(length: CheckpointPolicy.worthwhile + 60) == .writer)
        #expect(policy.committed(length: CheckpointPolicy.worthwhile + 70) == .background)
        policy.finished(length: CheckpointPolicy.worthwhile + 70)
        #expect(policy.committed(length: CheckpointPolicy.worthwhile + 700) == .background, "the rest grew too long")
        #expect(policy.committed(length: CheckpointPolicy.tooLong) == .writer, "and the log as a whole")
        policy.end()
        policy.finished(length: CheckpointPolicy.tooLong)
        #expect(policy.committed(length: CheckpointPolicy.tooLong) == .none && policy.isOver, "for good")
    }

    @Test func `the log stays bounded while jobs come in without a pause`() async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock()
            let store = try SQLiteJobStore.open(at: folder + "/relay.sqlite", clock: clock)
            var longest = 0
            for _ in 0..<150 {
                let jobs = (0..<100).map { _ in
                    NewJob.sample(at: clock.timestamp, body: Array(repeating: 0x20, count: 10_000))
                }
                _ = try await store.submit(jobs)
                longest = max(longest, try await store.usage().logBytes)
            }
            #expect(longest < 2 * CheckpointPolicy.tooLong * 8192)
            #expect(try await store.counts(of: nil)[.queued] == 15_000)
        }
    }
}
