/// The file format of `relay.sqlite`, version 7. Pages of 8 KiB, journal mode WAL, `synchronous=FULL`,
/// `auto_vacuum=INCREMENTAL`.
///
/// Times are microseconds since 1970; names, ids and URLs are text; states and events are the numbers of
/// `StoredCodes.swift`; header lists are blobs of `FieldCodec.swift`; sealed payloads are those of `SealedPayload.swift`. Large columns come last, so that reading the others
/// does not walk their overflow pages.
///
/// **A job's state is where its row lives.** Each row of `jobs` has exactly one row of the same number in exactly one of
/// `queued`, `running` and `ended`; a transition deletes it there and inserts it here, in one transaction. What can grow
/// large is written once and never moved: `jobs` when it is accepted, `ended` when it is over. What moves is small.
///
/// | Table | One row for | Written by | Never |
/// |---|---|---|---|
/// | `tenants` | each owner: its share of the workers and its counts | intake, operators; counts by every transition | deleted |
/// | `jobs` | each job: what the client sent | intake | changed, but by an erasure; retention deletes it |
/// | `model_classes` | each class of models met, at most ``classLimit``; number 0 is `other`, and all beyond | intake; counts by every transition | deleted; without unfinished jobs it gives way to another |
/// | `queued` | each job that waits | intake, retry, reaping; a claim or an ending deletes it | – |
/// | `running` | each job in a worker's hands | claim; renewal moves `lease_until`, cancellation sets its mark | – |
/// | `ended` | each job that is over: what came back | settlement, cancellation, expiry | changed, but by an erasure |
/// | `attempts` | each attempt that is over: the journal | settlement, reaping | changed |
/// | `idempotency` | each key in use; past `expires_at` it counts as absent | intake; the reaper deletes it | – |
/// | `counters` | jobs and deliveries a state (`jobs.queued` …), `batches.staged`, `share.virtual_time`, `tokens.revision`, `payloads.drops` | transitions | – |
/// | `endpoints` | each registered webhook receiver; `events` has one bit an event | the API; a settlement that disables it | – |
/// | `lanes` | each endpoint, test of one, and origin that something is on its way to: its counts and health | posting, claims, settlements of deliveries | – |
/// | `deliveries` | each event for each receiver: the outbox | the transaction that makes the event true; delivery | – |
/// | `delivery_attempts` | each attempt at a delivery that is over: its log | settlement of the delivery | changed; goes with its delivery |
/// | `keys` | each upstream key, sealed | operators | – |
/// | `keyring` | the one keyring, sealed for the master key | the first start, rotation | – |
/// | `egress_outages` | each egress path that is out | operators, region refusals | – |
/// | `api_keys` | each API key that the relay has issued, by its hash | operators; the API moves `last_used_at` | deleted |
/// | `revocations` | each token and tenant whose tokens do not hold any more, and since when | operators | deleted |
/// | `audit` | each thing done to keys, tokens, tenants, webhooks, dead letters, egress paths | the transaction that does it | changed, deleted |
/// | `batches` | each Message Batch: its counts | creation, cancellation; counts by every ending | – |
/// | `staged` | each request of a batch that is no job yet | creation; the mover turns it into a job | changed |
/// | `batch_jobs` | each job of a batch, with the client's name for it | the mover; deletion | changed |
/// | of limits, budgets and usage | see ``tenancy`` | | |
/// | of data keys and erasures | see ``payloads`` | | |
///
/// Invariants: counts equal a recount (`relay doctor` and the chaos run check it); `attempt` of a job equals its claims;
/// `jobs.row` is never used twice, because the newest row is never deleted; a tenant with `ready = 0` has no due job
/// before `wake_at`; `model_classes.queued` equals the class's rows in `queued`; of an open batch, `total` equals its rows
/// in `staged` and `batch_jobs` unless retention has deleted some (`archived_at`), and the sum of its counts equals its jobs
/// in `ended`; a lane's `pending` and `in_flight` equal its rows in `deliveries` of state 0, and a lane that is at none of
/// its limits has `open_at` no later than its first due row.
enum Schema {
    /// `RLAY`
    static let applicationID = 0x524C_4159
    static let version = 7
    /// Must be set before the first table is made.
    static let filePragmas = "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL"

    /// Names of models are the clients': classes beyond this many count as `other`.
    static let classLimit = 64

    static let statements =
        jobs + webhooks + lanesOfTenants + keys + batches + egress + tokens + tenancy + audit + keyring + payloads

    static let jobs = [
        """
        CREATE TABLE tenants (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            weight INTEGER NOT NULL DEFAULT 1,
            max_running INTEGER,
            pass INTEGER NOT NULL DEFAULT 0,
            ready INTEGER NOT NULL DEFAULT 0,
            wake_at INTEGER,
            queued INTEGER NOT NULL DEFAULT 0,
            running INTEGER NOT NULL DEFAULT 0,
            succeeded INTEGER NOT NULL DEFAULT 0,
            errored INTEGER NOT NULL DEFAULT 0,
            canceled INTEGER NOT NULL DEFAULT 0,
            expired INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // Claims: who goes next; and who has become due again.
        """
        CREATE INDEX tenants_ready ON tenants(pass)
            WHERE ready = 1 AND (max_running IS NULL OR running < max_running)
        """,
        "CREATE INDEX tenants_asleep ON tenants(wake_at) WHERE ready = 0 AND wake_at IS NOT NULL",
        """
        CREATE TABLE jobs (
            row INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            tenant INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            deadline INTEGER,
            model TEXT NOT NULL,
            webhook TEXT,
            replay_of INTEGER,
            metadata BLOB,
            headers BLOB NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """,
        // Lists of a tenant, newest first.
        "CREATE INDEX jobs_tenant ON jobs(tenant)",
        // Whether a dead letter has been replayed.
        "CREATE INDEX jobs_replay ON jobs(replay_of) WHERE replay_of IS NOT NULL",
        """
        CREATE TABLE queued (
            job INTEGER PRIMARY KEY,
            tenant INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            run_at INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            charged INTEGER NOT NULL,
            first_claimed_at INTEGER,
            deadline INTEGER,
            bytes INTEGER NOT NULL,
            has_webhook INTEGER NOT NULL,
            class INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        queuedDue,
        // The reaper: jobs past their deadline.
        "CREATE INDEX queued_deadline ON queued(deadline) WHERE deadline IS NOT NULL",
        // No index on `lease_until`: as many rows as the workers have attempts under way, and each renewal would move it.
        """
        CREATE TABLE running (
            job INTEGER PRIMARY KEY,
            tenant INTEGER NOT NULL,
            priority INTEGER NOT NULL,
            run_at INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            charged INTEGER NOT NULL,
            first_claimed_at INTEGER NOT NULL,
            deadline INTEGER,
            bytes INTEGER NOT NULL,
            has_webhook INTEGER NOT NULL,
            claimed_at INTEGER NOT NULL,
            lease_until INTEGER NOT NULL,
            cancel_requested INTEGER NOT NULL,
            worker TEXT NOT NULL,
            class INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        """
        CREATE TABLE ended (
            job INTEGER PRIMARY KEY,
            tenant INTEGER NOT NULL,
            state INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            run_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            canceled INTEGER NOT NULL,
            status INTEGER NOT NULL,
            headers BLOB NOT NULL,
            body BLOB NOT NULL
        ) STRICT
        """,
        // Lists of what did not succeed, dead letters among it; the others are found by way of `jobs`.
        "CREATE INDEX ended_unsuccessful ON ended(state) WHERE state > 2",
        "CREATE INDEX ended_unsuccessful_tenant ON ended(tenant, state) WHERE state > 2",
        """
        CREATE TABLE attempts (
            job INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            key TEXT,
            egress TEXT,
            started_at INTEGER NOT NULL,
            first_byte_at INTEGER,
            ended_at INTEGER NOT NULL,
            status INTEGER,
            request_id TEXT,
            verdict TEXT NOT NULL,
            error TEXT,
            maybe_billed INTEGER NOT NULL,
            bytes_sent INTEGER NOT NULL,
            bytes_received INTEGER NOT NULL,
            input_tokens INTEGER,
            output_tokens INTEGER,
            cache_creation_tokens INTEGER,
            cache_read_tokens INTEGER,
            PRIMARY KEY (job, attempt)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE idempotency (
            tenant INTEGER NOT NULL,
            key TEXT NOT NULL,
            fingerprint BLOB NOT NULL,
            job INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            PRIMARY KEY (tenant, key)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_expiry ON idempotency(expires_at)",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        modelClasses, otherClass,
    ]

    /// Claims: the due jobs of a tenant and a class of models, one probe a priority.
    static let queuedDue = "CREATE INDEX queued_due ON queued(tenant, class, priority, run_at)"

    static let modelClasses = """
        CREATE TABLE model_classes (
            number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, queued INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """
    static let otherClass = "INSERT INTO model_classes (number, name) VALUES (0, 'other')"

    static let keys = [
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            organization TEXT NOT NULL,
            secret BLOB NOT NULL,
            requests_per_second REAL,
            created_at INTEGER NOT NULL,
            workspace TEXT
        ) STRICT, WITHOUT ROWID
        """
    ]
}
