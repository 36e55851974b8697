extension SQLiteConnection {
    /// Earlier relays gave a class of its own to names that are too long for one, and could not claim its jobs beside
    /// others: they are of class `other`.
    func dropLongClasses() throws {
        guard try number("SELECT count(*) FROM model_classes WHERE length(name) > 32") > 0 else { return }
        try transaction {
            try script(
                """
                UPDATE queued SET class = 0 WHERE class IN (SELECT number FROM model_classes WHERE length(name) > 32);
                UPDATE running SET class = 0 WHERE class IN (SELECT number FROM model_classes WHERE length(name) > 32);
                DELETE FROM model_classes WHERE length(name) > 32;
                UPDATE model_classes SET queued = (SELECT count(*) FROM queued WHERE class = 0) WHERE number = 0
                """)
        }
    }

    /// The classes that no unfinished job is of. `running` has as many rows as the workers have attempts under way.
    func spareClasses() throws -> [Int64] {
        let running = Set(try all("SELECT DISTINCT class FROM running LIMIT ?", Schema.classLimit) { $0.int64(0) })
        return try all(
            "SELECT number FROM model_classes WHERE number > 0 AND queued = 0 LIMIT ?", Schema.classLimit
        ) { $0.int64(0) }.filter { !running.contains($0) }
    }
}
