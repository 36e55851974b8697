@testable import Queue

/// A file as version 6 left it: made by this one and taken back.
enum SchemaV6 {
    /// Takes back what version 7 has made; what is there must be plain.
    static func takeBack(_ connection: SQLiteConnection) throws {
        try connection.script(
            """
            DROP VIEW job_records; DROP TABLE data_keys; DROP TABLE erasures;
            ALTER TABLE jobs DROP COLUMN sealed; ALTER TABLE ended DROP COLUMN sealed;
            ALTER TABLE staged DROP COLUMN sealed; ALTER TABLE delivery_attempts DROP COLUMN sealed;
            \(jobRecords);
            DROP INDEX lanes_open; DROP INDEX lanes_origins; ALTER TABLE lanes DROP COLUMN tenant;
            ALTER TABLE lanes DROP COLUMN failed_at;
            ALTER TABLE lanes DROP COLUMN waits_until; UPDATE lanes SET suspect = 0;
            CREATE INDEX lanes_open ON lanes(suspect, open_at) WHERE open_at IS NOT NULL;
            PRAGMA user_version = 6
            """)
    }

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
                (SELECT n.id FROM jobs n INDEXED BY jobs_replay WHERE n.replay_of = j.row LIMIT 1) AS replayed_as
            FROM jobs j JOIN tenants t ON t.number = j.tenant
            LEFT JOIN ended e ON e.job = j.row LEFT JOIN running r ON r.job = j.row LEFT JOIN queued q ON q.job = j.row
        """
}
