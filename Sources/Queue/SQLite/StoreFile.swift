import Domain
import Glibc

/// Opens and, where needed, makes or renews one of the relay's SQLite files.
struct StoreFile {
    enum Synchronous: String {
        case off = "OFF"
        case full = "FULL"
    }

    let path: String
    let applicationID: Int
    let version: Int
    /// Settings that only a file without tables takes.
    var pragmas = ""
    let statements: [String]
    /// What leads from a version to a newer one.
    var migration: (Int) -> (to: Int, statements: [String]) = { ($0 + 1, []) }
    let synchronous: Synchronous
    let busyTimeout: Duration

    /// A connection to write with.
    /// - Throws: `.unavailable` in words for operators.
    func open() throws(JobStoreError) -> SQLiteConnection {
        do {
            // Switching a new file to WAL and filling it is not safe against another process that does the same.
            return try withFileLock(path + ".lock") {
                try refuseForeignFile()
                let tries = Int(busyTimeout.microseconds / 500)
                let connection = try SQLiteConnection(path: path, busyTries: tries)
                guard !connection.isReadOnly else {
                    throw JobStoreError.unavailable(detail: "\(path) is read-only; let the relay's user write it")
                }
                // What is deleted is overwritten, also where SQLite was built without that.
                // On a file that has tables they would change nothing but write a page, at each command.
                let isNew = try connection.number("SELECT count(*) FROM sqlite_schema") == 0
                try connection.script(
                    """
                    \(isNew ? pragmas : ""); PRAGMA journal_mode = WAL; PRAGMA synchronous = \(synchronous.rawValue);
                    PRAGMA secure_delete = ON; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32768; PRAGMA foreign_keys = OFF
                    """)
                try connection.transaction { try bringUpToDate(connection) }
                return connection
            }
        } catch {
            throw JobStoreError(error)
        }
    }

    private func bringUpToDate(_ connection: SQLiteConnection) throws {
        var found = Int(try connection.number("PRAGMA user_version"))
        guard found != version else { return }
        if found == 0 {
            for statement in statements { try connection.script(statement) }
        } else {
            while found < version {
                let step = migration(found)
                for statement in step.statements { try connection.script(statement) }
                found = step.to
            }
        }
        try connection.script("PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version)")
    }

    /// Looks at an existing file without changing it.
    private func refuseForeignFile() throws {
        guard access(path, F_OK) == 0 else { return }
        let connection = try SQLiteConnection(path: path, isReadOnly: true, busyTries: 20)
        if try connection.number("SELECT count(*) FROM sqlite_schema") == 0 { return }
        let foundID = try connection.number("PRAGMA application_id")
        guard foundID == applicationID else {
            throw JobStoreError.unavailable(
                detail: "\(path) is an SQLite file of another program; point the relay at another folder")
        }
        let found = try connection.number("PRAGMA user_version")
        guard found <= version else {
            throw JobStoreError.unavailable(
                detail: "\(path) has schema version \(found), this relay reads up to \(version); "
                    + "use a newer relay or another folder")
        }
    }

    private func withFileLock<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        let descriptor = Glibc.open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw JobStoreError.system("open", path)
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw JobStoreError.system("lock", path)
            }
        }
        return try body()
    }
}

extension JobStoreError {
    init(_ error: any Error) {
        switch error {
        case let error as JobStoreError: self = error
        default: self = .unavailable(detail: "\(error)")
        }
    }

    /// The system call that was to `action` the file `path` has just failed.
    static func system(_ action: String, _ path: String) -> JobStoreError {
        .unavailable(detail: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
    }
}
