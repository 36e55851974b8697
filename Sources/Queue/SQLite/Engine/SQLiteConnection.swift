import CSQLite
import Glibc

/// One connection to a file, for one thread at a time. Statements are prepared once and kept.
///
/// SQL stands at the call as a literal; the literal's address names the prepared statement.
final class SQLiteConnection {
    private let database: OpaquePointer
    private let busyTries: Int
    private let logLength = LogLength()
    private var statements: [UnsafePointer<UInt8>: OpaquePointer] = [:]

    /// - Parameters:
    ///   - busyTries: how often to look again, 500 µs apart, when another process holds a lock that is needed.
    init(path: String, isReadOnly: Bool = false, busyTries: Int = 20_000) throws {
        var opened: OpaquePointer?
        let access = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let opened else {
            defer { sqlite3_close_v2(opened) }
            throw SQLiteFailure(of: opened, code: code)
        }
        database = opened
        self.busyTries = busyTries
        waitWhenBusy()
        sqlite3_wal_hook(  // in place of the automatic checkpoint
            opened,
            { length, _, _, pages in
                length.map { Unmanaged<LogLength>.fromOpaque($0).takeUnretainedValue().committed(Int(pages)) }
                return SQLITE_OK
            }, Unmanaged.passUnretained(logLength).toOpaque())
    }

    private func waitWhenBusy() {
        // SQLite's own handler waits up to 100 ms between looks, so that a busy process would starve the others.
        sqlite3_busy_handler(
            database,
            { tries, count in
                usleep(500)
                return Int(count) < Int(bitPattern: tries) ? 1 : 0
            }, UnsafeMutableRawPointer(bitPattern: busyTries))
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        sqlite3_close_v2(database)
    }

    /// Whether the file cannot be written; SQLite opens such a one all the same.
    var isReadOnly: Bool { sqlite3_db_readonly(database, "main") == 1 }
    var isInTransaction: Bool { sqlite3_get_autocommit(database) == 0 }
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(database) }
    /// Rows changed since the connection was opened.
    var totalChanges: Int64 { sqlite3_total_changes64(database) }

    // MARK: Statements of many uses

    /// Runs `sql` to its end. - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: StaticString, _ values: (any SQLiteBindable)?...) throws -> Int {
        let statement = try prepared(sql, values)
        defer { sqlite3_reset(statement) }
        while try step(statement) {}
        return Int(sqlite3_changes64(database))
    }

    /// What `read` makes of each row.
    func all<Value>(
        _ sql: StaticString, _ values: (any SQLiteBindable)?..., read: (SQLiteRow) throws -> Value
    ) throws -> [Value] {
        let statement = try prepared(sql, values)
        defer { sqlite3_reset(statement) }
        var found: [Value] = []
        while try step(statement) { found.append(try read(SQLiteRow(statement: statement))) }
        return found
    }

    /// What `read` makes of the first row; nil if there is none.
    func first<Value>(
        _ sql: StaticString, _ values: (any SQLiteBindable)?..., read: (SQLiteRow) throws -> Value
    ) throws -> Value? {
        let statement = try prepared(sql, values)
        defer { sqlite3_reset(statement) }
        return try step(statement) ? try read(SQLiteRow(statement: statement)) : nil
    }

    private func prepared(_ sql: StaticString, _ values: [(any SQLiteBindable)?]) throws -> OpaquePointer {
        let statement = try statements[sql.utf8Start] ?? prepare(sql)
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            let code = value?.bind(to: statement, at: position) ?? sqlite3_bind_null(statement, position)
            guard code == SQLITE_OK else { throw SQLiteFailure(of: database, code: code) }
        }
        return statement
    }

    private func prepare(_ sql: StaticString) throws -> OpaquePointer {
        var made: OpaquePointer?
        let code = sql.withUTF8Buffer { utf8 in
            utf8.withMemoryRebound(to: CChar.self) {
                sqlite3_prepare_v3(
                    database, $0.baseAddress, Int32($0.count), UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
            }
        }
        guard code == SQLITE_OK, let made else { throw SQLiteFailure(of: database, code: code) }
        statements[sql.utf8Start] = made
        return made
    }

    /// - Returns: whether it stands on a row.
    private func step(_ statement: OpaquePointer) throws -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw SQLiteFailure(of: database, code: code)
        }
    }

    // MARK: Once

    /// Runs SQL that is made at run time or used once; `;` separates statements, rows are dropped.
    func script(_ sql: String) throws {
        let code = sqlite3_exec(database, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteFailure(of: database, code: code) }
    }

    /// The first column of the first row of SQL made at run time, such as a `PRAGMA` with a value.
    func number(_ sql: String) throws -> Int64 {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v2(database, sql, -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        guard code == SQLITE_OK, let statement else { throw SQLiteFailure(of: database, code: code) }
        return try step(statement) ? SQLiteRow(statement: statement).int64(0) : 0
    }

    /// Runs `body` inside `BEGIN IMMEDIATE`; rolls back if it throws.
    func transaction<Value>(_ body: () throws -> Value) throws -> Value {
        if isInTransaction { try script("ROLLBACK") }  // left by a rollback that failed
        try execute("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try execute("COMMIT")
            return value
        } catch {
            if isInTransaction { try? script("ROLLBACK") }
            throw error
        }
    }

    // MARK: Write-ahead log

    /// Moves what it can of the log into the file without waiting for anybody.
    /// - Returns: pages of the log, and how many of them have been moved; nil if somebody else is at it.
    /// - Throws: also when a sync fails; it was one of the file, not of the log, if `isOfSync`.
    func checkpoint() throws -> (log: Int, moved: Int)? {
        // SQLite syncs the log and then, perhaps, the file, and tells the same code of both.
        guard relay_sqlite_sync_log(database) == SQLITE_OK else {
            throw SQLiteFailure(extendedCode: SQLITE_IOERR, message: "the log cannot be synced")
        }
        var (log, moved): (Int32, Int32) = (0, 0)
        let code = sqlite3_wal_checkpoint_v2(database, nil, SQLITE_CHECKPOINT_PASSIVE, &log, &moved)
        if code & 0xFF == SQLITE_BUSY { return nil }
        guard code == SQLITE_OK else { throw SQLiteFailure(of: database, code: code) }
        return (Int(max(log, 0)), Int(max(moved, 0)))
    }

    /// Moves what is left of the log and makes its file empty, without waiting for anybody.
    /// - Returns: whether it is empty; not if somebody reads from it.
    func emptyLog() throws -> Bool {
        sqlite3_busy_handler(database, nil, nil)
        defer { waitWhenBusy() }
        let code = sqlite3_wal_checkpoint_v2(database, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        if code & 0xFF == SQLITE_BUSY { return false }
        guard code == SQLITE_OK else { throw SQLiteFailure(of: database, code: code) }
        return true
    }

    /// Waits until what checkpoints have moved is on the disk. SQLite does so only when the whole log has been moved.
    func syncFile() throws {
        let code = relay_sqlite_sync_file(database)
        guard code == SQLITE_OK else { throw SQLiteFailure(of: nil, code: code) }
    }

    /// The log's length in pages after this connection's last commit.
    var logPages: Int { logLength.pages }

    /// How often this connection has committed something.
    var commits: Int { logLength.commits }

    private final class LogLength {
        private(set) var pages = 0
        private(set) var commits = 0

        func committed(_ pages: Int) {
            self.pages = pages
            commits += 1
        }
    }

    // MARK: Copies

    /// Copies the whole file, as one transaction sees it, to `path`, which must not exist.
    /// - Parameter progress: called after each slice with the pages copied and the pages in all.
    func copy(to path: String, progress: (Int, Int) throws -> Void) throws {
        let copy = try SQLiteConnection(path: path)
        // A read transaction pins what is copied; without it another's commit would start the copy anew.
        try script("BEGIN; SELECT count(*) FROM sqlite_schema")
        defer { try? script("ROLLBACK") }
        guard let backup = sqlite3_backup_init(copy.database, "main", database, "main") else {
            throw SQLiteFailure(of: copy.database, code: sqlite3_errcode(copy.database))
        }
        var code = SQLITE_OK
        do {
            while code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED {
                code = sqlite3_backup_step(backup, 1024)
                let total = Int(sqlite3_backup_pagecount(backup))
                try progress(total - Int(sqlite3_backup_remaining(backup)), total)
            }
        } catch {
            sqlite3_backup_finish(backup)
            throw error
        }
        let ending = sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, ending == SQLITE_OK else { throw SQLiteFailure(of: copy.database, code: code) }
    }
}

// Safe: a connection has one user at a time, the writer's queue or whoever has taken it from the readers.
extension SQLiteConnection: @unchecked Sendable {}
