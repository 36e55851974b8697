extension Schema {
    /// Receivers, the lanes that their events wait in, the outbox and its log. Version 6 has added what versions before
    /// it did not know at the end of each table, so that no row of theirs had to be copied.
    static let webhooks =
        [
            // `secret_at`, `previous_at`: when the secrets were made. `status` as in `StoredCodes.swift`.
            """
            CREATE TABLE endpoints (
                row INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                tenant TEXT NOT NULL,
                url TEXT NOT NULL,
                events INTEGER NOT NULL,
                secret BLOB NOT NULL,
                created_at INTEGER NOT NULL,
                description TEXT NOT NULL DEFAULT '',
                thin INTEGER NOT NULL DEFAULT 0,
                egress TEXT,
                secret_at INTEGER NOT NULL DEFAULT 0,
                previous BLOB,
                previous_at INTEGER,
                previous_until INTEGER,
                status INTEGER NOT NULL DEFAULT 0,
                status_reason TEXT,
                changed_at INTEGER NOT NULL DEFAULT 0
            ) STRICT
            """,
            "CREATE INDEX endpoints_tenant ON endpoints(tenant)",
            // `job` is 0 if the event is of none: then `data` is what it tells. `due_at` of a claimed delivery is when it shows
            // again; `in_flight` holds from claim to settlement. `lane` is meant only while it is pending. `round_start`: the
            // attempts before it was last sent anew.
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
                error TEXT,
                tenant INTEGER NOT NULL DEFAULT 0,
                lane INTEGER NOT NULL DEFAULT 0,
                round_start INTEGER NOT NULL DEFAULT 0,
                data BLOB
            ) STRICT
            """,
            deliveriesByJob,
        ] + lanes + deliveryIndexes

    /// Retention: a job stays while one of its events is on its way, and takes the delivered ones with it.
    static let deliveriesByJob = "CREATE INDEX deliveries_job ON deliveries(job)"

    private static let lanes = [
        // `name`: the endpoint's id; that and ` test`; or a tenant and an origin. `mode` as in `DeliveryLane.Mode`.
        // `pending` counts what is under way, too; `open_at`: when a claim finds something here, or should look.
        """
        CREATE TABLE lanes (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            endpoint TEXT,
            mode INTEGER NOT NULL DEFAULT 0,
            pending INTEGER NOT NULL DEFAULT 0,
            in_flight INTEGER NOT NULL DEFAULT 0,
            suspect INTEGER NOT NULL DEFAULT 0,
            open_at INTEGER,
            window INTEGER NOT NULL DEFAULT 1,
            failures INTEGER NOT NULL DEFAULT 0,
            failing_since INTEGER,
            tripped_until INTEGER,
            rest INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        // Claims: whose turn it is, of those that work and of those that do not.
        "CREATE INDEX lanes_open ON lanes(suspect, open_at) WHERE open_at IS NOT NULL",
        // Gauges.
        "CREATE INDEX lanes_tripped ON lanes(tripped_until) WHERE tripped_until IS NOT NULL",
        """
        CREATE TABLE delivery_attempts (
            delivery INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL,
            status INTEGER,
            error TEXT,
            answer BLOB NOT NULL,
            PRIMARY KEY (delivery, attempt)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    private static let deliveryIndexes = [
        // Claims: what of a lane waits, and what is under way, by when it is due.
        "CREATE INDEX deliveries_lane ON deliveries(lane, in_flight, due_at) WHERE state = 0",
        // Lists of a tenant, newest first.
        "CREATE INDEX deliveries_tenant ON deliveries(tenant)",
        // What may be sent anew.
        "CREATE INDEX deliveries_failed ON deliveries(endpoint, ended_at) WHERE state = 2 AND endpoint IS NOT NULL",
        "CREATE INDEX deliveries_failed_url ON deliveries(tenant, ended_at) WHERE state = 2 AND endpoint IS NULL",
        // Retention of what belongs to no job.
        "CREATE INDEX deliveries_loose ON deliveries(ended_at) WHERE job = 0 AND state > 0",
    ]

    /// Added by version 7: whose a lane is, when it last failed, and until when we cannot send. `suspect` says now of any lane that it is not trusted.
    static let lanesOfTenants = [
        "ALTER TABLE lanes ADD COLUMN tenant TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE lanes ADD COLUMN failed_at INTEGER",
        "ALTER TABLE lanes ADD COLUMN waits_until INTEGER",
        // 1: it has failed last, or nothing has come back yet.
        "UPDATE lanes SET suspect = 1 WHERE window = 1",
        // Earlier relays told tenants which inner address was refused.
        """
        UPDATE deliveries SET error = 'address_refused: the receiver''s address is not allowed'
            WHERE error LIKE 'address_refused:%'
        """,
        """
        UPDATE delivery_attempts SET error = 'address_refused: the receiver''s address is not allowed'
            WHERE error LIKE 'address_refused:%'
        """,
        """
        UPDATE endpoints SET status_reason = 'failing; last: address_refused: the receiver''s address is not allowed'
            WHERE status_reason LIKE '%address_refused:%'
        """,
        """
        UPDATE lanes SET tenant = coalesce(
            (SELECT e.tenant FROM endpoints e WHERE e.id = endpoint),
            (SELECT t.name FROM deliveries d JOIN tenants t ON t.number = d.tenant
                WHERE d.lane = lanes.number AND d.state = 0 LIMIT 1),
            CASE WHEN endpoint IS NULL THEN substr(name, 1, instr(name, ' ') - 1) ELSE 'default' END)
        """,
        "DROP INDEX lanes_open",
        // Claims: whose turn it is, of those that are trusted and of those that are not. Holds all that chooses.
        "CREATE INDEX lanes_open ON lanes(suspect, open_at, number, tenant, mode) WHERE open_at IS NOT NULL",
        // How many origins a tenant sends to.
        "CREATE INDEX lanes_origins ON lanes(tenant) WHERE endpoint IS NULL",
    ]

    /// From version 5. Rows are changed where they stand: the outbox may be large, and other tables are not touched.
    static let webhooksFromVersion5 =
        [
            "ALTER TABLE endpoints ADD COLUMN description TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE endpoints ADD COLUMN thin INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE endpoints ADD COLUMN egress TEXT",
            "ALTER TABLE endpoints ADD COLUMN secret_at INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE endpoints ADD COLUMN previous BLOB",
            "ALTER TABLE endpoints ADD COLUMN previous_at INTEGER",
            "ALTER TABLE endpoints ADD COLUMN previous_until INTEGER",
            "ALTER TABLE endpoints ADD COLUMN status INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE endpoints ADD COLUMN status_reason TEXT",
            "ALTER TABLE endpoints ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0",
            "UPDATE endpoints SET secret_at = created_at, changed_at = created_at",
            "ALTER TABLE deliveries ADD COLUMN tenant INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE deliveries ADD COLUMN lane INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE deliveries ADD COLUMN round_start INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE deliveries ADD COLUMN data BLOB",
            "UPDATE deliveries SET tenant = coalesce((SELECT j.tenant FROM jobs j WHERE j.row = job), 0)",
        ] + lanes + [
            "INSERT INTO lanes (name, endpoint) SELECT id, id FROM endpoints ORDER BY row",
            // Left by the removal of an endpoint that was cut short.
            """
            INSERT OR IGNORE INTO lanes (name, endpoint, mode)
                SELECT DISTINCT endpoint, endpoint, 3 FROM deliveries INDEXED BY deliveries_endpoint
                WHERE state = 0 AND endpoint IS NOT NULL
            """,
            """
            INSERT OR IGNORE INTO lanes (name)
                SELECT DISTINCT \(originLane) FROM deliveries d JOIN tenants t ON t.number = d.tenant
                WHERE d.state = 0 AND d.endpoint IS NULL
            """,
            """
            UPDATE deliveries AS d SET lane = coalesce((SELECT l.number FROM lanes l
                WHERE l.name = coalesce(d.endpoint, (SELECT \(originLane) FROM tenants t WHERE t.number = d.tenant))), 0)
                WHERE d.state = 0
            """,
            "DROP INDEX deliveries_due", "DROP INDEX deliveries_endpoint",
        ] + deliveryIndexes + [
            """
            UPDATE lanes SET
                pending = (SELECT count(*) FROM deliveries d WHERE d.state = 0 AND d.lane = number),
                in_flight = (SELECT count(*) FROM deliveries d WHERE d.state = 0 AND d.lane = number AND in_flight = 1),
                open_at = (SELECT min(due_at) FROM deliveries d WHERE d.state = 0 AND d.lane = number)
            """
        ]

    /// `DeliveryLane.name(of:url:)` of a delivery `d` of a tenant `t`, in SQL.
    private static let originLane = """
        t.name || ' ' || lower(substr(d.url, 1, instr(d.url, '://') + 1 + instr(
            replace(replace(substr(d.url, instr(d.url, '://') + 3), '?', '/'), '#', '/') || '/', '/')))
        """
}
