extension Schema {
    /// Lines are added and never changed or deleted, by the relay or by mistake; the seals tell of whoever does it on purpose.
    static let audit = [
        """
        CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            actor_kind TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            seal BLOB NOT NULL
        ) STRICT
        """,
        "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END",
        "CREATE TRIGGER audit_holds BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END",
    ]
}
