// What Swift cannot import of SQLite's interface: the destructor constants, which are casts in macros.
#ifndef CLAUDE_RELAY_CSQLITE_SHIM_H
#define CLAUDE_RELAY_CSQLITE_SHIM_H

#include <sqlite3.h>

/// Binds UTF-8 text; SQLite keeps a copy.
static inline int relay_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, sqlite3_uint64 count) {
    return sqlite3_bind_text64(statement, index, text, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// Binds bytes; SQLite keeps a copy. No bytes are an empty blob, not NULL.
static inline int relay_sqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
    if (count == 0) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_TRANSIENT);
}

/// Syncs the main file by SQLite's own descriptor: closing another one would drop the process's locks on the file.
static inline int relay_sqlite_sync_file(sqlite3 *database) {
    sqlite3_file *file = 0;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || file == 0 || file->pMethods == 0) return code;
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/// The same for the write-ahead log.
static inline int relay_sqlite_sync_log(sqlite3 *database) {
    sqlite3_file *file = 0;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    if (code != SQLITE_OK || file == 0 || file->pMethods == 0) return code;
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

#endif
