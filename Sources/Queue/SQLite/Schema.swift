import GRDB

/// The file format of `queue.sqlite`, version 1. Journal mode WAL, `synchronous=FULL`.
///
/// Who writes: one connection a process (``GroupCommitWriter``), always inside `BEGIN IMMEDIATE`. Times are
/// microseconds since 1970; names, ids and URLs are text; states and events are the numbers of `StoredCodes.swift`;
/// header lists are blobs of `FieldCodec.swift`. No row of a job is ever deleted.
///
/// - `jobs`: what queries look at, small rows. `lease_until`, `worker` and `claimed_at` are set exactly while running,
///   `ended_at` and `result_status` exactly once ended; `attempt` grows with each claim.
/// - `payloads`: what the client sent, one row a job, never updated. `body` comes last, so that reading `metadata`
///   does not walk its overflow pages.
/// - `results`: what an ended job ended with; one row for each ended job, none for others.
/// - `attempts`: the journal, one row for each ended attempt.
/// - `idempotency`: keys in use. Rows past `expires_at` count as absent; the reaper removes them.
/// - `counters`: jobs a state, for each tenant and for all (`scope` is empty); deliveries a state (`scope` is `*`).
///   Changed in the transaction that changes what they count.
/// - `endpoints`: registered webhook receivers; `events` has one bit an event.
/// - `deliveries`: the webhook outbox, written in the transaction that ends the job. `due_at` of a claimed one is when
///   it shows again; `in_flight` from claim to settlement. Rows of an endpoint that is gone are dropped when met.
/// - `keys`: upstream keys, sealed.
enum Schema {
    /// `RLAY`
    static let applicationID = 0x524C_4159
    static let version = 1

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
}
