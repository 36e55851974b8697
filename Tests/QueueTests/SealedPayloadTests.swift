import Domain
import FoundationEssentials
@testable import Queue
import Synchronization
import TestSupport
import Testing

/// What is sealed in the file, by a sealer that only masks: keys, forms and rows.
struct SealedPayloadTests {
    private let clock = ManualClock()
    private let sealer = MaskingSealer()

    private func open(_ path: String, seals: Bool = true) throws -> World {
        let store = try SQLiteJobStore.open(at: path, clock: clock)
        store.keepPayloads(with: PayloadKeeping(sealer: sealer, isOn: seals))
        return World(store: store, clock: clock)
    }

    private func withFile(_ body: (String) async throws -> Void) async throws {
        try await withTemporaryFolder { try await body($0 + "/relay.sqlite") }
    }

    /// Submits and settles one job. - Returns: its id.
    private func finishOne(_ world: World, answer: String) async throws -> JobID {
        let id = try await world.submit(.sample(at: world.now, metadata: Array(#"{"a":1}"#.utf8)))
        try await world.settle(try await world.claimOne(), .ended(.succeeded, .sample(body: answer)))
        return id
    }

    private func result(_ id: JobID, _ world: World) async throws -> String? {
        try await world.store.result(of: id, tenant: nil).map { String(decoding: $0.body, as: UTF8.self) }
    }

    @Test func `sealed and plain rows live in one file, and switching changes what is written next`() async throws {
        try await withFile { path in
            let first = try await finishOne(try open(path, seals: false), answer: "plain")
            let second = try await finishOne(try open(path), answer: "sealed")
            let third = try await finishOne(try open(path, seals: false), answer: "plain again")
            let forms = try SQLiteConnection(path: path).all("SELECT sealed FROM ended ORDER BY job") { $0.int(0) }
            #expect(forms == [0, 1, 0])
            for seals in [true, false] {
                let world = try open(path, seals: seals)
                #expect(try await result(first, world) == "plain")
                #expect(try await result(second, world) == "sealed")
                #expect(try await result(third, world) == "plain again")
                #expect(try await world.record(second).metadata == Array(#"{"a":1}"#.utf8))
            }
        }
    }

    @Test func `results that were swapped are noticed, and named`() async throws {
        try await withFile { path in
            let world = try open(path)
            let ids = [try await finishOne(world, answer: "one"), try await finishOne(world, answer: "two")]
            try SQLiteConnection(path: path).script(
                """
                CREATE TEMP TABLE old AS SELECT job, body FROM ended;
                UPDATE ended SET body = (SELECT o.body FROM old o WHERE o.job = 3 - ended.job)
                """)
            for id in ids {
                let place = PayloadPlace(.result, of: id.text)
                await #expect(throws: JobStoreError.unreadable(.payloadUnreadable(place))) {
                    try await result(id, world)
                }
            }
        }
    }

    @Test func `requests that were swapped are not sent, and hold up no other`() async throws {
        try await withFile { path in
            let world = try open(path)
            var ids: [JobID] = []
            for text in ["one", "two", "three"] {
                ids.append(try await world.submit(.sample(at: world.now, body: Array(text.utf8))))
            }
            try SQLiteConnection(path: path).script(
                """
                CREATE TEMP TABLE old AS SELECT row, body FROM jobs;
                UPDATE jobs SET body = (SELECT o.body FROM old o WHERE o.row = 3 - jobs.row) WHERE row < 3
                """)
            let claims = try await world.claim(9)
            #expect(claims.map(\.lease.job) == ids)
            #expect(
                claims.map(\.damage) == [
                    .payloadUnreadable(.init(.request, of: ids[0].text)),
                    .payloadUnreadable(.init(.request, of: ids[1].text)), nil,
                ])
            #expect(claims.map(\.body) == [[], [], Array("three".utf8)])
            #expect(claims[2].digest == BodyDigest(Array("three".utf8)))
        }
    }

    @Test func `without its key nothing is read or written, and nothing is lost`() async throws {
        try await withFile { path in
            let id = try await finishOne(try open(path), answer: "kept")
            let waiting = try await open(path).submit()
            sealer.lose()
            let world = try open(path)
            await #expect(throws: JobStoreError.self) { try await result(id, world) }
            await #expect(throws: JobStoreError.self) { try await world.store.submit([.sample(at: world.now)]) }
            await #expect(throws: JobStoreError.self) { try await world.claim(9) }
            #expect(try await world.store.list(JobQuery(tenant: .sample())).jobs.map(\.id) == [waiting, id])
            let found = try World(store: reopened(path), clock: clock)
            let claim = try #require(try await found.claim(9).first)
            #expect(claim.lease.job == waiting && claim.lease.attempt == 1 && claim.chargedAttempts == 0)
            #expect(try await result(id, found) == "kept")
        }
    }

    @Test(arguments: [true, false])
    func `a worker without a tenant's key leaves its jobs to others, and goes on with other tenants'`(seals: Bool)
        async throws
    {
        try await withFile { path in
            let sealed = try await open(path).submit()
            sealer.lose()
            let world = try open(path, seals: seals)
            let plain = try await open(path, seals: false).submit(.sample(tenant: .sample("other"), at: world.now))
            let claims = try await world.claim(9)
            #expect(claims.map(\.lease.job) == [plain])
            for claim in claims { try await world.finish(claim.lease) }
            for _ in 0..<30 {
                await #expect(throws: JobStoreError.self) { try await world.claim(9) }
                world.clock.advance(by: .seconds(31))
                #expect(try await world.reap() == 0)
            }
            #expect(try await world.state(sealed) == .queued)
            #expect(try await World(store: reopened(path), clock: clock).claimOne().attempt == 1)
            #expect(try await world.problems() == [])
        }
    }

    /// Far more of them than a claim looks at in one round.
    @Test(arguments: [true, false])
    func `tenants whose keys do not open, however many, keep no worker from the jobs of others`(seals: Bool)
        async throws
    {
        try await withFile { path in
            let sealing = try open(path)
            let closed = (0..<200).map { NewJob.sample(tenant: .sample("closed\($0)"), at: clock.timestamp) }
            #expect(try await sealing.store.submit(closed) == closed.map { .accepted($0.id) })
            sealer.lose()
            let world = try open(path, seals: seals)
            let plain = try open(path, seals: false)
            var open: [JobID] = []
            for name in ["x", "y", "z"] {
                open.append(try await plain.submit(.sample(tenant: .sample(name), at: world.now)))
            }
            #expect(try await world.claim(2).map(\.lease.job) == Array(open.prefix(2)))
            #expect(try await world.claim(2).map(\.lease.job) == Array(open.suffix(1)))
            await #expect(throws: JobStoreError.self) { try await world.claim(2) }
            let found = try World(store: reopened(path), clock: clock)
            var counts: [Int] = []
            for _ in 0..<4 { counts.append(try await found.claim(500).count) }
            #expect(counts == [64, 64, 64, 8])
            #expect(try await world.problems() == [])
        }
    }

    @Test func `a tenant whose key opens again is worked within a second`() async throws {
        try await withFile { path in
            let id = try await open(path).submit()
            let fickle = FickleSealer()
            let store = try SQLiteJobStore.open(at: path, clock: clock)
            store.keepPayloads(with: PayloadKeeping(sealer: fickle, isOn: true))
            let world = World(store: store, clock: clock)
            await #expect(throws: JobStoreError.self) { try await world.claim(9) }
            fickle.opens.withLock { $0 = true }
            await #expect(throws: JobStoreError.self) { try await world.claim(9) }
            clock.advance(by: .seconds(1))
            #expect(try await world.claim(9).map(\.lease.job) == [id])
        }
    }

    /// With the keys that were lost.
    private func reopened(_ path: String) throws -> SQLiteJobStore {
        let store = try SQLiteJobStore.open(at: path, clock: clock)
        store.keepPayloads(with: PayloadKeeping(sealer: MaskingSealer(), isOn: true))
        return store
    }

    @Test func `a process forgets a key that another has dropped, and reads nothing by it before`() async throws {
        try await withFile { path in
            let (mine, other) = (try open(path), try open(path))
            let id = try await finishOne(mine, answer: "a")
            #expect(try await result(id, other) == "a")
            let store = try #require(other.store as? SQLiteJobStore)
            #expect(store.openKeyCount == 1)
            _ = try await mine.erase()
            await #expect(throws: JobStoreError.erased) { try await result(id, other) }
            try await store.forgetDroppedKeys()
            #expect(store.openKeyCount == 0)
            let next = try await finishOne(other, answer: "b")
            #expect(try await result(next, mine) == "b" && store.openKeyCount == 1)
            let names = try SQLiteConnection(path: path).all("SELECT DISTINCT substr(body, 2, 8) FROM jobs") {
                $0.bytes(0)
            }
            #expect(names.count == 2, "each under a key of its own")
        }
    }

    @Test func `a replay of a sealed job is sealed, also by a process that does not seal`() async throws {
        try await withFile { path in
            let id = try await open(path).submit(.sample(at: clock.timestamp, metadata: Array(#"{"a":1}"#.utf8)))
            let world = try open(path, seals: false)
            try await world.finish(try await world.claimOne(), as: .errored)
            let replay = Replay(id, as: .sample(at: world.now))
            #expect(try await world.store.replay([replay], of: nil, at: world.now) == [.replayed(replay.newID)])
            let forms = try SQLiteConnection(path: path).all("SELECT sealed FROM jobs ORDER BY row") { $0.int(0) }
            #expect(forms == [1, 1])
            let claim = try #require(try await world.claim().first)
            #expect(claim.body == NewJob.sampleBody && claim.digest == BodyDigest(NewJob.sampleBody))
            #expect(try await world.record(replay.newID).metadata == Array(#"{"a":1}"#.utf8))
        }
    }

    @Test func `what a key was used for is not told by its hash, and a switch makes no conflict of it`() async throws {
        try await withFile { path in
            func submission(_ fingerprint: UInt8) -> NewJob {
                let end = clock.timestamp.advanced(by: .seconds(60))
                let key = IdempotencyKey(
                    key: "k", fingerprint: [UInt8](repeating: fingerprint, count: 32), expiresAt: end)
                return .sample(at: clock.timestamp, idempotency: key)
            }
            let first = submission(7)
            let sealing = try open(path)
            #expect(try await sealing.store.submit([first]) == [.accepted(first.id)])
            let opening = try await sealing.opening("b", fingerprint: 7)
            let stored = try SQLiteConnection(path: path).all(
                "SELECT fingerprint FROM idempotency UNION ALL SELECT fingerprint FROM batches"
            ) { $0.bytes(0) }
            #expect(stored.count == 2 && stored.allSatisfy { $0.count == 32 && $0 != [UInt8](repeating: 7, count: 32) })
            for seals in [true, false] {
                let world = try open(path, seals: seals)
                #expect(try await world.store.submit([submission(7)]) == [.existing(first.id)])
                #expect(try await world.store.submit([submission(8)]) == [.idempotencyConflict(first.id)])
                guard case .opened(let batch) = opening else { throw Unexpected(what: "\(opening)") }
                #expect(try await world.opening("b", fingerprint: 7) == .existing(batch))
                #expect(try await world.opening("b", fingerprint: 8) == .idempotencyConflict(batch.id))
            }
        }
    }

    @Test func `a dropped key stands in the file and its log no more`() async throws {
        try await withFile { path in
            let world = try open(path)
            _ = try await finishOne(world, answer: "a")
            let key = try #require(
                try SQLiteConnection(path: path).first("SELECT sealed FROM data_keys") { $0.bytes(0) })
            func holders() throws -> [String] {
                try ["", "-wal"].filter { try bytes(of: path + $0).firstRange(of: key) != nil }
            }
            #expect(try holders() == ["-wal"])
            _ = try await world.erase()
            #expect(try holders() == [])
            #expect(try await world.record(world.submit()).state == .queued)
        }
    }

    /// With a store that would wait for an hour, and does not.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `a log that somebody reads is emptied later, and nobody waits for it`(seals: Bool) async throws {
        try await withFile { path in
            var configuration = JobStoreConfiguration()
            configuration.busyTimeout = .seconds(3600)
            let store = try SQLiteJobStore.open(at: path, configuration: configuration, clock: clock)
            store.keepPayloads(with: PayloadKeeping(sealer: sealer, isOn: seals))
            let world = World(store: store, clock: clock)
            _ = try await finishOne(world, answer: "a canary")
            let reader = try SQLiteConnection(path: path)
            let key = try reader.first("SELECT sealed FROM data_keys") { $0.bytes(0) }
            let mark = key ?? Array("a canary".utf8)
            func holders() throws -> [String] {
                try ["", "-wal"].filter { try bytes(of: path + $0).firstRange(of: mark) != nil }
            }
            try reader.script("BEGIN; SELECT count(*) FROM jobs")
            _ = try await world.erase()
            #expect(try holders().contains("-wal"))
            #expect((key != nil) == seals)
            try reader.script("ROLLBACK")
            #expect(try await world.store.advanceErasures(limit: 9, at: world.now) == 0)
            #expect(try holders() == [])
            _ = try await world.submit()
            let length = try bytes(of: path + "-wal").count
            #expect(try await world.store.advanceErasures(limit: 9, at: world.now) == 0)
            let later = try bytes(of: path + "-wal").count
            #expect(length > 0 && later == length, "it is emptied once")
        }
    }

    @Test func `a step of an erasure empties no more bytes than others can wait for`() async throws {
        try await withFile { path in
            let world = try open(path, seals: false)
            for size in [3, 3, 1, 9, 1] {
                _ = try await world.submit(.sample(at: world.now, body: [UInt8](repeating: 7, count: size << 20)))
            }
            _ = try await world.store.erase(.sample(), at: world.now)
            var steps: [Int] = []
            for _ in 0..<4 { steps.append(try await world.store.advanceErasures(limit: 500, at: world.now)) }
            #expect(steps == [1, 2, 1, 1])
            try await world.finishErasures()
            #expect(try await world.problems() == [])
        }
    }

    private func bytes(of path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: path)))
    }

    @Test func `sizes are those of what was sent, not of what is stored`() async throws {
        try await withFile { path in
            let world = try open(path)
            for _ in 0..<4 {
                _ = try await world.submit(.sample(at: world.now, body: [UInt8](repeating: 7, count: 100)))
            }
            let batch = try await world.accept("a")
            _ = try await world.advance(limit: 10)
            let sizes = try SQLiteConnection(path: path).all("SELECT bytes FROM queued ORDER BY job") { $0.int(0) }
            #expect(sizes == [100, 100, 100, 100, 6])
            let claims = try await world.store.claim(limit: 9, bytes: 200, by: "w", at: world.now, for: .seconds(9))
            #expect(claims.count == 2)
            #expect(try await world.batch(batch).total == 1)
        }
    }

    @Test func `plain rows are emptied by an erasure, step by step, from where a killed process stopped`() async throws
    {
        try await withFile { path in
            let canary = Array("canary".utf8)
            do {
                let world = try open(path, seals: false)
                for _ in 0..<7 {
                    let key = IdempotencyKey(
                        key: "\(UInt64.random(in: 0...UInt64.max))", fingerprint: canary,
                        expiresAt: world.now.advanced(by: .seconds(60)))
                    _ = try await world.submit(
                        .sample(at: world.now, body: canary, metadata: canary, idempotency: key))
                }
                for lease in try await world.claim(3).map(\.lease) {
                    try await world.settle(lease, .ended(.succeeded, .sample(body: "canary")))
                }
                _ = try await world.store.erase(.sample(), at: world.now)
                #expect(try await world.store.advanceErasures(limit: 2, at: world.now) == 2)
            }
            let world = try open(path, seals: false)
            try await world.finishErasures()
            let left = try SQLiteConnection(path: path).all(
                """
                SELECT (SELECT count(*) FROM jobs WHERE length(body) > 0 OR metadata IS NOT NULL)
                    + (SELECT count(*) FROM ended WHERE state = 2 AND length(body) > 0) + (SELECT count(*) FROM idempotency)
                """
            ) { $0.int(0) }
            #expect(left == [0])
            #expect(try await world.store.counts(of: nil)[.canceled] == 4)
            #expect(try await world.problems() == [])
        }
    }

    @Test func `idempotency keys of an erased tenant are looked through in steps, and newer ones stay`() async throws {
        try await withFile { path in
            let world = try open(path, seals: false)
            func submission(_ key: Int) -> NewJob {
                .sample(
                    at: world.now,
                    idempotency: IdempotencyKey(
                        key: "k\(key % 10)-\(key)", fingerprint: [1], expiresAt: world.now.advanced(by: .seconds(60))))
            }
            _ = try await world.store.submit((0..<50).map(submission))
            _ = try await world.store.erase(.sample(), at: world.now)
            let newer = (50..<300).map(submission)
            #expect(try await world.store.submit(newer) == newer.map { .accepted($0.id) })
            let connection = try SQLiteConnection(path: path)
            var (left, steps) = ([Int64](), 0)
            while try await world.store.advanceErasures(limit: 1, at: world.now) > 0 {
                left.append(try connection.number("SELECT count(*) FROM idempotency"))
                steps += 1
            }
            #expect(zip(left, left.dropFirst()).allSatisfy { $0 - $1 <= 20 } && left.last == 250)
            #expect(steps == 50 + 300 / 20 + 1, "50 jobs, then their keys, then that there are no more")
            #expect(try await world.store.submit([submission(77)]) == [.existing(newer[27].id)])
        }
    }

    @Test func `a file of version 6, which knew nothing sealed, keeps all that is in it`() async throws {
        try await withFile { path in
            let (ended, waiting): (JobID, JobID)
            do {
                let world = try open(path, seals: false)
                ended = try await finishOne(world, answer: "old")
                waiting = try await world.submit()
            }
            try SchemaV6.takeBack(SQLiteConnection(path: path))
            let world = try open(path)
            #expect(try await result(ended, world) == "old")
            #expect(try await world.record(ended).metadata == Array(#"{"a":1}"#.utf8))
            #expect(try await world.claim(9).map(\.lease.job) == [waiting])
            #expect(try await result(try await finishOne(world, answer: "new"), world) == "new")
            #expect(try await world.problems() == [])
        }
    }
}

/// Its keys open once it is told so.
private final class FickleSealer: PayloadSealer {
    let opens = Mutex(false)
    private let base = MaskingSealer()
    var keyringRevision: Int { base.keyringRevision }

    func makeKey(for tenant: TenantID) throws(RelayError) -> MadePayloadKey {
        try base.makeKey(for: tenant)
    }

    func openKey(
        _ sealed: [UInt8], named name: PayloadKeyName, of tenant: TenantID
    ) throws(RelayError) -> any PayloadKey {
        guard opens.withLock({ $0 }) else { throw .payloadKeyless }
        return try base.openKey(sealed, named: name, of: tenant)
    }
}
