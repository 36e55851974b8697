import GRDB
import Synchronization

/// Notices that another process has changed the file: SQLite's `data_version` changes on a connection exactly when
/// another one has committed. The writer is this process's only connection that commits, so it is asked there.
final class ForeignCommits: Sendable {
    private let lastVersion = Mutex<Int?>(nil)

    /// Whether there was one since the last call. The first call only remembers.
    func look(_ writer: Database) throws -> Bool {
        let version = try Int.fetchOne(writer.cachedStatement(sql: "PRAGMA data_version"))
        return lastVersion.withLock { last in
            defer { last = version }
            return last != nil && last != version
        }
    }
}
