extension Schema {
    /// Version 3. Single jobs pay nothing for batches: what makes a job one of a batch stands beside it.
    static let batches = [
        // `phase`: 0 being received, 1 accepted, 2 being deleted (or given up); only 1 is visible. `busy`: the mover has
        // work with it. `cancel_from`: jobs up to this row have been looked at by the cancellation.
        """
        CREATE TABLE batches (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            tenant INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            busy INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            touched_at INTEGER NOT NULL,
            cancel_initiated_at INTEGER,
            cancel_from INTEGER NOT NULL DEFAULT 0,
            ended_at INTEGER,
            archived_at INTEGER,
            total INTEGER NOT NULL DEFAULT 0,
            succeeded INTEGER NOT NULL DEFAULT 0,
            errored INTEGER NOT NULL DEFAULT 0,
            canceled INTEGER NOT NULL DEFAULT 0,
            expired INTEGER NOT NULL DEFAULT 0,
            key TEXT,
            key_expires_at INTEGER,
            fingerprint BLOB,
            headers BLOB NOT NULL
        ) STRICT
        """,
        // Lists of a tenant.
        "CREATE INDEX batches_tenant ON batches(tenant, number) WHERE phase = 1",
        // Idempotent creation.
        "CREATE INDEX batches_key ON batches(tenant, key) WHERE key IS NOT NULL",
        // The mover.
        "CREATE INDEX batches_busy ON batches(number) WHERE busy = 1",
        // `digest` is what the batch's headers are followed by in the job's.
        // `row` is the batch's number times 2^20 plus the request's place: a batch's rows lie side by side.
        """
        CREATE TABLE staged (
            row INTEGER PRIMARY KEY,
            custom_id TEXT NOT NULL,
            job TEXT NOT NULL,
            model TEXT NOT NULL,
            digest BLOB NOT NULL,
            refusal BLOB,
            body BLOB NOT NULL
        ) STRICT
        """,
        // Names are unique within a batch: `row >> 20` is its number.
        "CREATE UNIQUE INDEX staged_names ON staged(row >> 20, custom_id)",
        "CREATE TABLE batch_jobs (job INTEGER PRIMARY KEY, batch INTEGER NOT NULL, custom_id TEXT NOT NULL) STRICT",
        // Results, cancellation and deletion, in the order of submission.
        "CREATE INDEX batch_jobs_batch ON batch_jobs(batch)",
    ]
    /// Version 4.
    static let egress = [
        """
        CREATE TABLE egress_outages (
            path TEXT PRIMARY KEY, reason TEXT NOT NULL, note TEXT NOT NULL, since INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    ]
}
