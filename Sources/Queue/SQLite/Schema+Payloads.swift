extension Schema {
    /// Version 7. `sealed` of a row that holds payloads: 0 as they came, 1 sealed (``SealedPayload``), 2 erased, and empty. It
    /// stands last in each table, and costs nothing to read there, for such numbers have no bytes of their own.
    ///
    /// | Table | One row for | Written by |
    /// |---|---|---|
    /// | `data_keys` | each tenant that something was sealed for since its last erasure; `sealed` by the keyring | intake |
    /// | `erasures` | each tenant whose data was ever erased, the last time; rows up to `jobs_through`, and batches up to `batches_through`, are erased; `cursor` and `busy`: how far the mover is | operators; the mover |
    static let payloads = [
        "ALTER TABLE jobs ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE ended ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE staged ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE delivery_attempts ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE data_keys (
            tenant TEXT PRIMARY KEY,
            name BLOB NOT NULL UNIQUE,
            sealed BLOB NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE erasures (
            tenant INTEGER PRIMARY KEY,
            jobs_through INTEGER NOT NULL,
            batches_through INTEGER NOT NULL,
            erased_at INTEGER NOT NULL,
            cursor INTEGER NOT NULL DEFAULT 0,
            busy INTEGER NOT NULL DEFAULT 1
        ) STRICT
        """,
        // Numbers of batches that are never given again.
        "CREATE INDEX erasures_batches ON erasures(batches_through)",
        // The mover.
        "CREATE INDEX erasures_busy ON erasures(tenant) WHERE busy = 1",
        "DROP VIEW IF EXISTS job_records",
        jobRecords,
    ]

    /// A job as its owner sees it.
    private static let jobRecords = """
        CREATE VIEW job_records AS
            SELECT j.row AS row, j.id AS id, j.tenant AS tenant, t.name AS tenant_name, j.model AS model,
                j.priority AS priority, j.created_at AS created_at, j.deadline AS deadline, j.metadata AS metadata,
                coalesce(e.state, CASE WHEN r.job IS NULL THEN 0 ELSE 1 END) AS state,
                coalesce(e.attempt, r.attempt, q.attempt, 0) AS attempt,
                coalesce(e.run_at, r.run_at, q.run_at, j.created_at) AS run_at,
                e.ended_at AS ended_at, e.status AS status,
                coalesce(e.canceled, r.cancel_requested, 0) AS cancel_requested,
                (SELECT o.id FROM jobs o WHERE o.row = j.replay_of) AS replay_of,
                (SELECT n.id FROM jobs n INDEXED BY jobs_replay WHERE n.replay_of = j.row LIMIT 1) AS replayed_as,
                j.sealed AS sealed,
                j.sealed = 2 OR j.row <= coalesce((SELECT x.jobs_through FROM erasures x WHERE x.tenant = j.tenant), 0)
                    AS is_erased
            FROM jobs j JOIN tenants t ON t.number = j.tenant
            LEFT JOIN ended e ON e.job = j.row LEFT JOIN running r ON r.job = j.row LEFT JOIN queued q ON q.job = j.row
        """
}
