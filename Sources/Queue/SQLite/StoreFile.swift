import Domain
import GRDB
import Glibc

/// Opens and, where needed, makes one of the relay's SQLite files.
enum StoreFile {
    enum Synchronous: String {
        case off = "OFF"
        case full = "FULL"
    }

    /// - Throws: `.unavailable` in words for operators.
    static func open(
        at path: String, applicationID: Int, version: Int, statements: [String], synchronous: Synchronous,
        busyTimeout: Duration
    ) throws(JobStoreError) -> DatabasePool {
        do {
            // Switching a new file to WAL and filling it is not safe against another process that does the same.
            return try withFileLock(path + ".lock") {
                try refuseForeignFile(path, applicationID: applicationID, version: version)
                let pool = try DatabasePool(path: path, configuration: configuration(busyTimeout: busyTimeout))
                try pool.writeWithoutTransaction { database in
                    try database.execute(sql: "PRAGMA synchronous = \(synchronous.rawValue)")
                    try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864")
                    try migrate(database, applicationID: applicationID, version: version, statements: statements)
                }
                return pool
            }
        } catch {
            throw JobStoreError(error)
        }
    }

    private static func configuration(busyTimeout: Duration) -> Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.allowsUnsafeTransactions = true  // a rollback that failed must not end the process
        let tries = Int(busyTimeout.microseconds / pauseMicroseconds)
        // SQLite's own handler waits up to 100 ms between looks, so that a busy process would starve the others.
        configuration.busyMode = .callback { count in
            usleep(UInt32(pauseMicroseconds))
            return count < tries
        }
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA cache_size = -16384") }
        return configuration
    }

    private static let pauseMicroseconds: Int64 = 500

    /// Looks at an existing file without changing it.
    private static func refuseForeignFile(_ path: String, applicationID: Int, version: Int) throws {
        guard access(path, F_OK) == 0 else { return }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        let (foundID, foundVersion, isEmpty) = try DatabaseQueue(path: path, configuration: configuration).read {
            (
                try Int.fetchOne($0, sql: "PRAGMA application_id") ?? 0,
                try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0,
                try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") == 0
            )
        }
        if isEmpty { return }
        guard foundID == applicationID else {
            throw JobStoreError.unavailable(
                detail: "\(path) is an SQLite file of another program; point the relay at another folder")
        }
        guard foundVersion <= version else {
            throw JobStoreError.unavailable(
                detail: "\(path) has schema version \(foundVersion), this relay reads up to \(version); "
                    + "use a newer relay or another folder")
        }
    }

    private static func migrate(
        _ database: Database, applicationID: Int, version: Int, statements: [String]
    ) throws {
        try database.inTransaction(.immediate) {
            let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard found < version else { return .commit }
            for statement in statements { try database.execute(sql: statement) }
            try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
            return .commit
        }
    }

    private static func withFileLock<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        let descriptor = Glibc.open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw JobStoreError.unavailable(detail: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw JobStoreError.unavailable(detail: "cannot lock \(path): \(String(cString: strerror(errno)))")
            }
        }
        return try body()
    }
}
