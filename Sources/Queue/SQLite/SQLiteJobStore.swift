import Domain
import GRDB

/// The embedded ``JobStore`` and ``KeyStore``: one SQLite file that several processes may share.
package final class SQLiteJobStore: JobStore, KeyStore {
    let configuration: JobStoreConfiguration
    let pool: DatabasePool
    let writer: GroupCommitWriter
    let signal: ChangeSignal

    /// Opens the store in the file `path`, and makes it first if there is none. Any number of processes may do so
    /// at the same moment.
    /// - Parameters:
    ///   - clock: measures how long to wait for changes.
    ///   - random: names deliveries.
    /// - Throws: `.unavailable` if the file cannot be opened, is no relay's, or was written by a newer relay.
    package static func open(
        at path: String, configuration: JobStoreConfiguration = JobStoreConfiguration(), clock: any Clock<Duration>,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(JobStoreError) -> SQLiteJobStore {
        let pool = try StoreFile.open(
            at: path, applicationID: Schema.applicationID, version: Schema.version, statements: Schema.statements,
            synchronous: .full, busyTimeout: configuration.busyTimeout)
        return SQLiteJobStore(pool: pool, configuration: configuration, clock: clock, random: random)
    }

    private init(
        pool: DatabasePool, configuration: JobStoreConfiguration, clock: any Clock<Duration>,
        random: any RandomNumberGenerator & Sendable
    ) {
        let foreignCommits = ForeignCommits()
        self.configuration = configuration
        self.pool = pool
        self.signal = ChangeSignal(clock: clock, pollInterval: configuration.pollInterval) {
            let found = try? await pool.writeWithoutTransaction { try foreignCommits.look($0) }
            return found ?? true  // if in doubt, let them look
        }
        self.writer = GroupCommitWriter(
            pool: pool, configuration: configuration, signal: signal, foreignCommits: foreignCommits,
            random: random)
    }

    package func changeCount(_ topic: ChangeTopic) -> UInt64 {
        signal.count(topic)
    }

    package func waitForChange(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async {
        await signal.wait(topic, since: seen, upTo: limit)
    }

    /// Runs `body` on a snapshot, beside the writer.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws(JobStoreError)
        -> Value
    {
        do {
            return try await pool.read(body)
        } catch {
            throw JobStoreError(error)
        }
    }
}
