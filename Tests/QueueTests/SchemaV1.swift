/// The statements that made a file of version 1, as they were when it was current, and a few rows of each kind.
enum SchemaV1 {
    static let statements = [
        """
        CREATE TABLE jobs (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            tenant TEXT NOT NULL,
            state INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            attempt INTEGER NOT NULL DEFAULT 0,
            cancel_requested INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL,
            run_at INTEGER NOT NULL,
            deadline INTEGER,
            first_claimed_at INTEGER,
            claimed_at INTEGER,
            lease_until INTEGER,
            ended_at INTEGER,
            result_status INTEGER,
            worker TEXT,
            model TEXT NOT NULL,
            webhook TEXT
        ) STRICT
        """,
        // Claims: one probe a priority. Only queued rows, so ended ones cost claims nothing.
        "CREATE INDEX jobs_due ON jobs(priority, run_at) WHERE state = 0",
        // The reaper: queued jobs past their deadline, running ones past their lease.
        "CREATE INDEX jobs_deadline ON jobs(deadline) WHERE state = 0 AND deadline IS NOT NULL",
        "CREATE INDEX jobs_leased ON jobs(lease_until) WHERE state = 1",
        // Lists of a tenant (without a state: one probe a state), and of all tenants by state. Both end in `row`.
        "CREATE INDEX jobs_tenant ON jobs(tenant, state)",
        "CREATE INDEX jobs_state ON jobs(state)",
        """
        CREATE TABLE payloads (
            job INTEGER PRIMARY KEY,
            headers BLOB NOT NULL,
            metadata BLOB,
            body BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE results (
            job INTEGER PRIMARY KEY,
            status INTEGER NOT NULL,
            headers BLOB NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE attempts (
            job INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            key TEXT,
            egress TEXT,
            started_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            status INTEGER,
            request_id TEXT,
            verdict TEXT NOT NULL,
            maybe_billed INTEGER NOT NULL,
            PRIMARY KEY (job, attempt)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE idempotency (
            tenant TEXT NOT NULL,
            key TEXT NOT NULL,
            fingerprint BLOB NOT NULL,
            job TEXT NOT NULL,
            expires_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, key)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_expiry ON idempotency(expires_at)",
        """
        CREATE TABLE counters (
            scope TEXT NOT NULL,
            state INTEGER NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (scope, state)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE endpoints (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            tenant TEXT NOT NULL,
            url TEXT NOT NULL,
            events INTEGER NOT NULL,
            secret BLOB NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX endpoints_tenant ON endpoints(tenant)",
        """
        CREATE TABLE deliveries (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            job INTEGER NOT NULL,
            endpoint TEXT,
            url TEXT NOT NULL,
            event INTEGER NOT NULL,
            state INTEGER NOT NULL DEFAULT 0,
            attempt INTEGER NOT NULL DEFAULT 0,
            in_flight INTEGER NOT NULL DEFAULT 0,
            created_at INTEGER NOT NULL,
            due_at INTEGER NOT NULL,
            ended_at INTEGER,
            status INTEGER,
            error TEXT
        ) STRICT
        """,
        // Claims of deliveries, and the removal of an endpoint with what it has not received.
        "CREATE INDEX deliveries_due ON deliveries(due_at) WHERE state = 0",
        "CREATE INDEX deliveries_endpoint ON deliveries(endpoint) WHERE state = 0 AND endpoint IS NOT NULL",
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            organization TEXT NOT NULL,
            secret BLOB NOT NULL,
            requests_per_second REAL,
            created_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ]

    /// Two tenants with a job of each kind: queued (tried once), running, succeeded, errored.
    static let rows = """
        INSERT INTO jobs (row, id, tenant, state, priority, attempt, created_at, run_at, first_claimed_at, claimed_at,
            lease_until, ended_at, result_status, worker, model, webhook)
        VALUES
            (1, 'job_01kdvdna00mp6kcy52ahjrhvk1', 'acme', 0, 7, 1, 1000, 5000, 1500, NULL, NULL, NULL, NULL, NULL, 'm', NULL),
            (2, 'job_01kdvdna00mp6kcy52ahjrhvk2', 'acme', 1, 5, 1, 2000, 2000, 2500, 2500, 9000, NULL, NULL, 'w1', 'm', NULL),
            (3, 'job_01kdvdna00mp6kcy52ahjrhvk3', 'acme', 2, 5, 1, 3000, 3000, 3500, NULL, NULL, 4000, 200, NULL, 'm',
                'https://example.com/'),
            (4, 'job_01kdvdna00mp6kcy52ahjrhvk4', 'other', 3, 5, 2, 3000, 3000, 3500, NULL, NULL, 4500, 400, NULL, 'm', NULL);
        INSERT INTO payloads (job, headers, metadata, body)
            SELECT row, x'', NULL, CAST('body ' || row AS BLOB) FROM jobs;
        INSERT INTO results
            VALUES (3, 200, x'', CAST('answer 3' AS BLOB)), (4, 400, x'', CAST('answer 4' AS BLOB));
        INSERT INTO attempts VALUES
            (1, 1, 'k', 'direct', 1500, 1600, 500, 'req_1', 'upstream_fault', 1),
            (3, 1, 'k', 'direct', 3500, 4000, 200, 'req_3', 'success', 0),
            (4, 1, 'k', 'direct', 3500, 3600, 500, NULL, 'upstream_fault', 1),
            (4, 2, 'k', 'direct', 4000, 4500, 400, NULL, 'client_fault', 0);
        INSERT INTO idempotency VALUES ('acme', 'key', x'01', 'job_01kdvdna00mp6kcy52ahjrhvk1', 9000000000000000);
        INSERT INTO counters VALUES ('acme', 0, 1), ('acme', 1, 1), ('acme', 2, 1), ('other', 3, 1),
            ('', 0, 1), ('', 1, 1), ('', 2, 1), ('', 3, 1), ('*', 0, 1);
        INSERT INTO endpoints VALUES (1, 'whe_1', 'acme', 'https://example.com/', 15, x'00', 1);
        INSERT INTO deliveries (row, id, job, endpoint, url, event, created_at, due_at)
            VALUES (1, 'evt_1', 3, NULL, 'https://example.com/', 1, 4000, 4000);
        INSERT INTO keys VALUES ('default', 'default', x'00', 5.0, 1);
        PRAGMA application_id = 1380729177; PRAGMA user_version = 1
        """
}
