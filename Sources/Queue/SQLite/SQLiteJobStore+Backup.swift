import Glibc

extension SQLiteJobStore {
    /// Writes a copy of the store, as one instant has it, to `target`, while others go on reading and writing; then checks
    /// and syncs it. An unfinished copy has the name `target.partial`.
    /// - Parameters:
    ///   - target: must not exist.
    ///   - progress: called with the pages copied and the pages in all.
    /// - Throws: `.unavailable`; nothing has the name `target` then.
    package static func backUp(
        _ path: String, to target: String, progress: (Int, Int) -> Void
    ) throws(JobStoreError) {
        let partial = target + ".partial"
        do {
            guard access(target, F_OK) != 0 else {
                throw JobStoreError.unavailable(detail: "\(target) exists; choose another name")
            }
            unlink(partial)
            try SQLiteConnection(path: path).copy(to: partial, progress: progress)
            try check(partial)
            try sync(partial)
            guard rename(partial, target) == 0 else { throw JobStoreError.system("rename to", target) }
        } catch {
            unlink(partial)
            throw JobStoreError(error)
        }
    }

    /// What is wrong with the file: damaged pages, and counts that differ from a recount. Reads all of it.
    package func problems() async throws(JobStoreError) -> [String] {
        try await read { connection in
            var found = try connection.damage()
            let counts = try connection.first(
                """
                SELECT (SELECT coalesce(sum(count), 0) FROM counters WHERE name LIKE 'jobs.%'),
                    (SELECT count(*) FROM jobs),
                    (SELECT count(*) FROM queued) + (SELECT count(*) FROM running) + (SELECT count(*) FROM ended),
                    (SELECT coalesce(sum(queued + running + succeeded + errored + canceled + expired), 0) FROM tenants)
                """
            ) { [$0.int(0), $0.int(1), $0.int(2), $0.int(3)] }
            if let counts, Set(counts).count != 1 {
                found.append("the counters say \(counts[0]) jobs, the tenants \(counts[3]), the tables \(counts[1])")
            }
            return found
        }
    }

    /// - Throws: `.unavailable` if the file is damaged.
    private static func check(_ path: String) throws {
        if let damage = try SQLiteConnection(path: path).damage().first {
            throw JobStoreError.unavailable(detail: "the copy is damaged: \(damage)")
        }
    }

    private static func sync(_ path: String) throws {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw JobStoreError.system("open", path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw JobStoreError.system("sync", path) }
    }
}

extension SQLiteConnection {
    /// What is wrong with the file's pages, five findings at most. Reads all of it.
    fileprivate func damage() throws -> [String] {
        try all("PRAGMA quick_check(5)") { $0.text(0) }.filter { $0 != "ok" }
    }
}
