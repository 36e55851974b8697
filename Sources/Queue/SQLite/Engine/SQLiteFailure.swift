import CSQLite

/// What SQLite answers when it does not do what it was asked.
struct SQLiteFailure: Error, CustomStringConvertible {
    /// The extended result code, `SQLITE_IOERR_FSYNC` say; its low byte is the primary one.
    let extendedCode: Int32
    /// The library's words.
    let message: String

    /// `SQLITE_IOERR_FSYNC`, a macro that Swift does not see.
    static let failedSync = SQLITE_IOERR | (4 << 8)

    var code: Int32 { extendedCode & 0xFF }
    var description: String { "SQLite \(extendedCode): \(message)" }

    init(extendedCode: Int32, message: String) {
        self.extendedCode = extendedCode
        self.message = message
    }

    /// The last failure of `database`; of a connection that could not be made if it is nil.
    init(of database: OpaquePointer?, code: Int32) {
        let extended = database.map(sqlite3_extended_errcode) ?? code
        let words = database.map { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        self.init(
            extendedCode: extended & 0xFF == code & 0xFF ? extended : code,
            message: words.map { String(cString: $0) } ?? "no message")
    }

    /// Whether the fault lies in the values that one statement was given, so that others can go on without it.
    var isOfOneStatement: Bool { [SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH].contains(code) }
    /// Whether something was written that may not be on the disk.
    var isOfSync: Bool { extendedCode == Self.failedSync }
    /// Whether the file itself is not what it should be.
    var isDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(code) }
}
