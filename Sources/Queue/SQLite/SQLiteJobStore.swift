package import Domain
import Synchronization

/// The embedded ``RelayStore``: one SQLite file that several processes may share.
package final class SQLiteJobStore: JobStore, KeyStore, EgressStore, TokenStore, KeyringStore {
    let path: String
    let configuration: JobStoreConfiguration
    let writer: GroupCommitWriter
    let signal: ChangeSignal
    let payloadKeys = PayloadKeys()
    /// Of the erasure that is under way.
    let erasedKeys = Mutex<ErasedKeys?>(nil)
    private let readers: SQLiteReaders
    private let bell: CommitBell

    /// Opens the store in the file `path`, and makes it first if there is none. Any number of processes may do so
    /// at the same moment.
    /// - Parameters:
    ///   - clock: measures how long to wait for changes.
    ///   - random: names deliveries.
    ///   - audit: what the audit log is kept with; nil for none.
    ///   - onHealth: called when writing begins to fail, with the reason for operators, and when it works again (nil).
    /// - Throws: `.unavailable` if the file cannot be opened, is no relay's, or was written by a newer relay.
    package static func open(
        at path: String, configuration: JobStoreConfiguration = JobStoreConfiguration(), clock: any Clock<Duration>,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(), audit: AuditKeeping? = nil,
        onHealth: @escaping @Sendable (String?) -> Void = { _ in }
    ) throws(JobStoreError) -> SQLiteJobStore {
        do {
            return try SQLiteJobStore(
                path: path, configuration: configuration, clock: clock, random: random, audit: audit,
                onHealth: onHealth)
        } catch {
            throw JobStoreError(error)
        }
    }

    private init(
        path: String, configuration: JobStoreConfiguration, clock: any Clock<Duration>,
        random: any RandomNumberGenerator & Sendable, audit: AuditKeeping?,
        onHealth: @escaping @Sendable (String?) -> Void
    ) throws {
        let file = StoreFile(
            path: path, applicationID: Schema.applicationID, version: Schema.version, pragmas: Schema.filePragmas,
            statements: Schema.statements, migration: SchemaMigrations.step, synchronous: .full,
            busyTimeout: configuration.busyTimeout)
        let connection = try file.open()
        try connection.dropLongClasses()
        let mover = try SQLiteConnection(path: path, busyTries: 0)
        try mover.script("PRAGMA synchronous = FULL")
        var names: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
        // Before the bell, which cannot be let go of before it listens.
        let turn = try WriterTurn(path: path + ".turn", patience: configuration.busyTimeout.microseconds)
        let commits = try ForeignCommits(connection)
        let bell = try CommitBell(folder: path + "-bells", random: &names)
        let writers = WeakWriter()
        let signal = ChangeSignal(clock: clock, pollInterval: configuration.pollInterval) {
            guard let writer = writers.writer.withLock({ $0.value }) else { return false }
            let found = try? await writer.glance { try commits.look($0) }
            return found ?? true  // if in doubt, let them look
        }
        self.path = path
        self.configuration = configuration
        self.bell = bell
        self.signal = signal
        self.readers = SQLiteReaders(path: path)
        self.writer = GroupCommitWriter(
            connection: connection, mover: mover, turn: turn, configuration: configuration, random: random,
            auditKeeping: audit, payloadKeys: payloadKeys, health: StoreHealth(onChange: onHealth),
            onCommit: { topics in
                bell.ring(topics)
                signal.bump(topics)
            })
        let writer = self.writer
        writers.writer.withLock { $0.value = writer }
        bell.listen { signal.bump($0) }
    }

    package func changeCount(_ topic: ChangeTopic) -> UInt64 {
        signal.count(topic)
    }

    package func waitForChange(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async {
        await signal.wait(topic, since: seen, upTo: limit)
    }

    package func checkHealth() async throws(JobStoreError) {
        try await read { try $0.lookWhereClaimsLook() }
        guard let failure = writer.failure else { return }
        switch failure.kind {
        case .full where FileSize.free(beside: path) >= Self.spareBytes, .other: try await checkWritable()
        case .checkpoint: _ = try await writer.aloneWithLog { $1.moveAll(by: $0) }
        case .damage, .full, .sync: break
        }
        // One may have hidden the other.
        if let failure = writer.failure { throw .unavailable(detail: failure.detail) }
    }

    /// What must be free on a disk that was full before it counts as usable: a page for the check itself always fits
    /// somewhere.
    private static let spareBytes = 1 << 20

    /// Runs `body`, which reads no more than a few pages of indexes, on a snapshot and if possible on this thread.
    func probe<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(JobStoreError) -> Value {
        do {
            return try await readers.probe(body)
        } catch {
            throw JobStoreError(error)
        }
    }

    /// Runs `body` on a snapshot, beside the writer.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws(JobStoreError) -> Value {
        do {
            return try await readers.read(body)
        } catch {
            throw JobStoreError(error)
        }
    }
}

extension SQLiteConnection {
    /// Fails if the way of a claim to the jobs of the tenants that are next leads over a page that is damaged.
    fileprivate func lookWhereClaimsLook() throws {
        _ = try number("SELECT count(*) FROM counters")
        let tenants = try all(
            "SELECT number FROM tenants WHERE queued > 0 ORDER BY pass LIMIT ?", ClaimRound.entrantLimit
        ) { $0.int64(0) }
        for tenant in tenants {
            for models in try classes(of: tenant) {
                for priority in Priority.range {
                    _ = try first(
                        """
                        SELECT deadline FROM queued INDEXED BY queued_due
                        WHERE tenant = ? AND class = ? AND priority = ? LIMIT 1
                        """, tenant, models, priority
                    ) { $0.optionalTime(0) }
                }
            }
        }
    }
}

/// The signal asks the writer, and the writer tells the signal: one of the two must not own the other.
private final class WeakWriter: Sendable {
    struct Reference {
        weak var value: GroupCommitWriter?
    }

    let writer = Mutex(Reference())
}

/// Notices that another process has changed the file: SQLite's `data_version` changes on a connection exactly when
/// another one has committed. The writer's is this process's only connection that commits, so it is asked there.
private final class ForeignCommits: Sendable {
    private let lastVersion: Mutex<Int64?>

    init(_ writer: SQLiteConnection) throws {
        lastVersion = Mutex(try Self.version(writer))
    }

    /// Whether there was one since the last call.
    func look(_ writer: SQLiteConnection) throws -> Bool {
        let version = try Self.version(writer)
        return lastVersion.withLock { last in
            defer { last = version }
            return last != version
        }
    }

    private static func version(_ writer: SQLiteConnection) throws -> Int64? {
        try writer.first("PRAGMA data_version") { $0.int64(0) }
    }
}
