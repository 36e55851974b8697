import Domain

extension SQLiteJobStore {
    package func takeOut(_ outage: EgressOutage) async throws(JobStoreError) {
        try await writer.perform { context in
            let isNew = try context.connection.execute(
                "INSERT OR IGNORE INTO egress_outages (path, reason, note, since) VALUES (?, ?, ?, ?)", outage.path,
                outage.reason.rawValue, outage.note, outage.since)
            if isNew > 0 { try context.audit(.egressTakenOut, outage.path, outage.reason.rawValue) }
        }
    }

    package func bringBack(_ path: String) async throws(JobStoreError) -> Bool {
        try await writer.perform { context in
            let existed = try context.connection.execute("DELETE FROM egress_outages WHERE path = ?", path) > 0
            if existed { try context.audit(.egressBroughtBack, path) }
            return existed
        }
    }

    package func egressOutages() async throws(JobStoreError) -> [EgressOutage] {
        try await read { connection in
            try connection.all(
                "SELECT path, reason, note, since FROM egress_outages ORDER BY path LIMIT 10000"
            ) { row in
                // A reason of a newer relay is a reason all the same.
                EgressOutage(
                    path: row.text(0), reason: EgressPool.Outage(rawValue: row.text(1)) ?? .disabled,
                    note: row.text(2), since: row.time(3))
            }
        }
    }
}
