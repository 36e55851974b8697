extension Schema {
    /// Version 6. A tenant without limits pays for none of this but one row of `usage` a transaction.
    ///
    /// | Table | One row for | Written by |
    /// |---|---|---|
    /// | `tenant_limits` | each tenant that has, or has had, limits; `booked` stays once it has had a budget | operators |
    /// | `budgets` | each day (kind 0) and month (1) of a booked tenant | intake, and what ends jobs and calls |
    /// | `reservations` | each job that was let in under a budget; `open` until it ends, then for a replay | the same |
    /// | `staged_demands`, `batch_reservations` | the same for requests of batches that are no jobs yet | creation; the mover |
    /// | `call_reservations` | each synchronous call under way under a budget | the API; reaped at `expires_at` |
    /// | `usage` | each tenant, day, upstream key and model | what ends attempts |
    ///
    /// Invariant: `reserved_…` of a period are the sums of the reservations made in it that are open (`relay doctor`
    /// checks it). Money is in micro-dollars.
    static let tenancy = [
        "ALTER TABLE tenants ADD COLUMN staged INTEGER NOT NULL DEFAULT 0",
        """
        CREATE TABLE tenant_limits (
            tenant INTEGER PRIMARY KEY,
            requests_per_second REAL,
            concurrency INTEGER,
            queued_jobs INTEGER,
            body_bytes INTEGER,
            models TEXT,
            tokens_per_day INTEGER,
            tokens_per_month INTEGER,
            money_per_day INTEGER,
            money_per_month INTEGER,
            booked INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE budgets (
            tenant INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            start INTEGER NOT NULL,
            reserved_tokens INTEGER NOT NULL,
            reserved_money INTEGER NOT NULL,
            spent_tokens INTEGER NOT NULL,
            spent_money INTEGER NOT NULL,
            PRIMARY KEY (tenant, kind, start)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE reservations (
            job INTEGER PRIMARY KEY,
            tenant INTEGER NOT NULL,
            made_at INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            money INTEGER NOT NULL,
            open INTEGER NOT NULL
        ) STRICT
        """,
        // The recount.
        "CREATE INDEX reservations_open ON reservations(tenant) WHERE open = 1",
        "CREATE TABLE staged_demands (row INTEGER PRIMARY KEY, tokens INTEGER NOT NULL, money INTEGER NOT NULL) STRICT",
        "CREATE TABLE batch_reservations (batch INTEGER PRIMARY KEY, made_at INTEGER NOT NULL) STRICT",
        """
        CREATE TABLE call_reservations (
            id TEXT PRIMARY KEY,
            tenant INTEGER NOT NULL,
            model TEXT NOT NULL,
            made_at INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            money INTEGER NOT NULL,
            holder TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        // The reaper: calls of processes that have vanished.
        "CREATE INDEX call_reservations_expiry ON call_reservations(expires_at)",
        """
        CREATE TABLE usage (
            tenant INTEGER NOT NULL,
            day INTEGER NOT NULL,
            key TEXT NOT NULL,
            model TEXT NOT NULL,
            requests INTEGER NOT NULL,
            errors INTEGER NOT NULL,
            maybe_billed INTEGER NOT NULL,
            unpriced INTEGER NOT NULL,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL,
            cache_read INTEGER NOT NULL,
            cost INTEGER NOT NULL,
            PRIMARY KEY (tenant, day, key, model)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    /// Requests of batches that an older relay has accepted and not made jobs of yet.
    static let countStagedByTenant = """
        UPDATE tenants SET staged = (SELECT count(*) FROM staged s JOIN batches b ON b.number = s.row >> 20
            WHERE b.tenant = tenants.number AND b.phase = 1)
        """
}
