/// How an older file becomes one of ``Schema/version``. Steps are added, never changed: each was run on somebody's data.
enum SchemaMigrations {
    /// The statements that lead from a version to a newer one, and which that is.
    static func step(from version: Int) -> (to: Int, statements: [String]) {
        switch version {
        case 1: (5, fromVersion1 + Schema.batches + Schema.egress + [keysWithWorkspace])
        case 2: (3, Schema.batches)  // no batches before
        case 3: (4, Schema.egress)
        case 4: (5, fromVersion4)
        case 5: (6, fromVersion5)
        case 6: (7, Schema.payloads + Schema.lanesOfTenants)  // payloads that are there stay as they are: plain
        default: (version + 1, [])
        }
    }

    /// Webhooks in lanes and with a log; API keys and revocations; limits, budgets and usage of tenants; the audit log;
    /// the keyring.
    private static let fromVersion5 =
        Schema.webhooksFromVersion5 + Schema.tokens + Schema.tenancy + [Schema.countStagedByTenant] + Schema.audit
        + Schema.keyring

    private static let keysWithWorkspace = "ALTER TABLE keys ADD COLUMN workspace TEXT"

    /// Jobs had no class of models. Those in the queue count as of class `other`; the Gateway looks at each of them.
    private static let fromVersion4 = [
        "ALTER TABLE queued ADD COLUMN class INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE running ADD COLUMN class INTEGER NOT NULL DEFAULT 0",
        "DROP INDEX queued_due", Schema.queuedDue, Schema.modelClasses, Schema.otherClass, countOthers,
        keysWithWorkspace,
    ]
    private static let countOthers =
        "UPDATE model_classes SET queued = (SELECT count(*) FROM queued) WHERE number = 0"

    /// Version 1 had hot columns in `jobs`, payloads and results beside it, and no shares of tenants.
    private static let fromVersion1 =
        [
            "ALTER TABLE jobs RENAME TO old_jobs",
            "ALTER TABLE attempts RENAME TO old_attempts",
            "ALTER TABLE idempotency RENAME TO old_idempotency",
            "ALTER TABLE counters RENAME TO old_counters",
            "DROP INDEX jobs_tenant",
            "DROP INDEX idempotency_expiry",
        ] + Schema.jobs + [
            """
            INSERT INTO tenants (name, queued, running, succeeded, errored, canceled, expired, wake_at)
                SELECT tenant, sum(state = 0), sum(state = 1), sum(state = 2), sum(state = 3), sum(state = 4),
                    sum(state = 5), min(run_at) FROM old_jobs GROUP BY tenant ORDER BY min(row)
            """,
            """
            INSERT INTO jobs (row, id, tenant, created_at, priority, deadline, model, webhook, metadata, headers, body)
                SELECT o.row, o.id, t.number, o.created_at, o.priority, o.deadline, o.model, o.webhook, p.metadata,
                    p.headers, p.body
                FROM old_jobs o JOIN tenants t ON t.name = o.tenant JOIN payloads p ON p.job = o.row ORDER BY o.row
            """,
            """
            INSERT INTO queued
                SELECT j.row, j.tenant, j.priority, o.run_at, o.attempt,
                    (SELECT count(*) FROM old_attempts a WHERE a.job = o.row AND a.maybe_billed = 1),
                    o.first_claimed_at, j.deadline, length(j.body), j.webhook IS NOT NULL, 0
                FROM old_jobs o JOIN jobs j ON j.row = o.row WHERE o.state = 0 ORDER BY o.row
            """,
            """
            INSERT INTO running
                SELECT j.row, j.tenant, j.priority, o.run_at, o.attempt,
                    (SELECT count(*) FROM old_attempts a WHERE a.job = o.row AND a.maybe_billed = 1),
                    o.first_claimed_at, j.deadline, length(j.body), j.webhook IS NOT NULL, o.claimed_at, o.lease_until,
                    o.cancel_requested, o.worker, 0
                FROM old_jobs o JOIN jobs j ON j.row = o.row WHERE o.state = 1 ORDER BY o.row
            """,
            """
            INSERT INTO ended
                SELECT j.row, j.tenant, o.state, o.attempt, o.run_at, o.ended_at, o.cancel_requested, r.status,
                    r.headers, r.body
                FROM old_jobs o JOIN jobs j ON j.row = o.row JOIN results r ON r.job = o.row ORDER BY o.row
            """,
            """
            INSERT INTO attempts
                SELECT job, attempt, key, egress, started_at, NULL, ended_at, status, request_id, verdict, NULL,
                    maybe_billed, 0, 0, NULL, NULL, NULL, NULL FROM old_attempts ORDER BY job, attempt
            """,
            """
            INSERT INTO idempotency
                SELECT t.number, o.key, o.fingerprint, j.row, o.expires_at
                FROM old_idempotency o JOIN tenants t ON t.name = o.tenant JOIN jobs j ON j.id = o.job
            """,
            """
            INSERT INTO counters
                SELECT 'jobs.' || s.column2, (SELECT count(*) FROM old_jobs o WHERE o.state = s.column1)
                FROM (VALUES (0, 'queued'), (1, 'running'), (2, 'succeeded'), (3, 'errored'), (4, 'canceled'),
                    (5, 'expired')) AS s
            """,
            """
            INSERT INTO counters
                SELECT 'deliveries.' || s.column2, (SELECT count(*) FROM deliveries d WHERE d.state = s.column1)
                FROM (VALUES (0, 'pending'), (1, 'delivered'), (2, 'failed')) AS s
            """,
            "DROP TABLE old_jobs", "DROP TABLE old_attempts", "DROP TABLE old_idempotency", "DROP TABLE old_counters",
            "DROP TABLE payloads", "DROP TABLE results",
            Schema.deliveriesByJob, countOthers,
        ]
}
