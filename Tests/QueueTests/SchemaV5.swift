import Domain
@testable import Queue
import TestSupport

/// A file as version 5 left it: made by this one and taken back.
enum SchemaV5 {
    /// What there was not.
    private static let additions = """
        DROP TABLE api_keys; DROP TABLE revocations; DROP TABLE audit; DROP TABLE keyring; DROP TABLE tenant_limits;
        DROP TABLE budgets; DROP TABLE reservations; DROP TABLE staged_demands; DROP TABLE batch_reservations;
        DROP TABLE call_reservations; DROP TABLE usage; ALTER TABLE tenants DROP COLUMN staged
        """
    /// What of callbacks was different.
    private static let statements = """
        DROP TABLE endpoints; DROP TABLE deliveries; DROP TABLE lanes; DROP TABLE delivery_attempts;
        CREATE TABLE endpoints (
            row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, url TEXT NOT NULL,
            events INTEGER NOT NULL, secret BLOB NOT NULL, created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX endpoints_tenant ON endpoints(tenant);
        CREATE TABLE deliveries (
            row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, job INTEGER NOT NULL, endpoint TEXT, url TEXT NOT NULL,
            event INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
            in_flight INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
            ended_at INTEGER, status INTEGER, error TEXT
        ) STRICT;
        CREATE INDEX deliveries_due ON deliveries(due_at) WHERE state = 0;
        CREATE INDEX deliveries_endpoint ON deliveries(endpoint) WHERE state = 0 AND endpoint IS NOT NULL;
        CREATE INDEX deliveries_job ON deliveries(job);
        PRAGMA user_version = 5
        """

    /// Takes back what version 6 has made, which must be empty, and later ones.
    static func takeBack(_ connection: SQLiteConnection) throws {
        try SchemaV6.takeBack(connection)
        try connection.script(additions)
        try connection.script(statements)
    }

    /// One job that has ended, with an event in every state. - Returns: their ids, in order.
    static func make(_ path: String, _ clock: ManualClock) async throws -> [String] {
        let now = clock.timestamp
        do {
            let world = World(store: try SQLiteJobStore.open(at: path, clock: clock), clock: clock)
            _ = try await world.submit()
            try await world.finish(try await world.claimOne())
        }
        let connection = try SQLiteConnection(path: path)
        try takeBack(connection)
        let (due, lost) = (now.microseconds, now.advanced(by: .seconds(45)).microseconds)
        try connection.script(
            """
            INSERT INTO endpoints VALUES (1, 'whe_1', 'acme', 'https://example.com/1', 15, x'0707', \(due));
            INSERT INTO deliveries (id, job, endpoint, url, event, state, attempt, in_flight, created_at, due_at, ended_at)
            VALUES
                ('evt_done', 1, 'whe_1', 'https://example.com/1', 1, 1, 1, 0, \(due), \(due), \(due)),
                ('evt_failed', 1, 'whe_1', 'https://example.com/1', 1, 2, 9, 0, \(due), \(due), \(due)),
                ('evt_own', 1, 'whe_1', 'https://example.com/1', 1, 0, 0, 0, \(due), \(due), NULL),
                ('evt_lost', 1, 'whe_1', 'https://example.com/1', 1, 0, 3, 0, \(due), \(lost), NULL),
                ('evt_url', 1, NULL, 'https://Hooks.example:8443/a?b/c', 1, 0, 0, 0, \(due), \(due), NULL),
                ('evt_url2', 1, NULL, 'https://hooks.example:8443#x', 1, 0, 0, 0, \(due), \(due), NULL),
                ('evt_gone', 1, 'whe_gone', 'https://example.com/gone', 1, 0, 0, 0, \(due), \(due), NULL);
            INSERT OR REPLACE INTO counters VALUES
                ('deliveries.pending', 5), ('deliveries.delivered', 1), ('deliveries.failed', 1)
            """)
        return ["evt_done", "evt_failed", "evt_own", "evt_lost", "evt_url", "evt_url2", "evt_gone"]
    }
}
