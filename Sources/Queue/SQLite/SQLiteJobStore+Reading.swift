package import Domain

extension SQLiteJobStore {
    package func job(_ id: JobID, of tenant: TenantID?) async throws(JobStoreError) -> JobRecord? {
        let keys = payloadKeys
        return try await sealing { () async throws(JobStoreError) in
            try await read { try $0.job(id, of: tenant, by: keys) }
        }
    }

    package func result(of id: JobID, tenant: TenantID?) async throws(JobStoreError) -> JobResult? {
        let keys = payloadKeys
        return try await sealing { () async throws(JobStoreError) in
            try await read { try $0.result(of: id, tenant, by: keys) }
        }
    }

    package func attempts(of id: JobID, from first: Int) async throws(JobStoreError) -> [AttemptRecord] {
        try await read { connection in
            try connection.all(
                """
                SELECT a.attempt, a.key, a.egress, a.started_at, a.first_byte_at, a.ended_at, a.status, a.request_id,
                    a.verdict, a.error, a.maybe_billed, a.bytes_sent, a.bytes_received, a.input_tokens, a.output_tokens,
                    a.cache_creation_tokens, a.cache_read_tokens
                FROM jobs j JOIN attempts a ON a.job = j.row WHERE j.id = ? AND a.attempt >= ?
                ORDER BY a.attempt LIMIT 1000
                """, id.text, first, read: AttemptRecord.init(stored:))
        }
    }

    package func counts(of tenant: TenantID?) async throws(JobStoreError) -> [JobState: Int] {
        try await read { connection in
            guard let tenant else {
                return try connection.counters("jobs.", JobState.allCases)
            }
            let found = try connection.first(
                """
                SELECT queued, running, succeeded, errored, canceled, expired FROM tenants WHERE name = ? LIMIT 1
                """, tenant.text
            ) { row in [JobState: Int](stored: row, from: 0) }
            return found ?? Dictionary(uniqueKeysWithValues: JobState.allCases.map { ($0, 0) })
        }
    }

    package func tenants(
        after: TenantID?, limit: Int, at now: Timestamp
    ) async throws(JobStoreError) -> [TenantStatus] {
        try await read { connection in
            try connection.all(
                """
                SELECT number, name, weight, max_running, queued, running, succeeded, errored, canceled, expired
                FROM tenants WHERE name > ? ORDER BY name LIMIT ?
                """, after?.text ?? "", limit, read: StoredTenant.init(stored:)
            ).map { try connection.status(of: $0, at: now) }
        }
    }

    package func tenant(_ tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> TenantStatus? {
        try await read { connection in
            try connection.first(
                """
                SELECT number, name, weight, max_running, queued, running, succeeded, errored, canceled, expired
                FROM tenants WHERE name = ? LIMIT 1
                """, tenant.text, read: StoredTenant.init(stored:)
            ).map { try connection.status(of: $0, at: now) }
        }
    }
}

/// A tenant as its row holds it.
private struct StoredTenant {
    let number: Int64
    let share: TenantShare
    let counts: [JobState: Int]

    /// Reads `number, name, weight, max_running` and the counts by state.
    init(stored row: SQLiteRow) throws {
        let tenant = try TenantID(stored: row.text(1))
        guard let share = TenantShare(tenant: tenant, weight: row.int(2), maxRunning: row.optionalInt(3)) else {
            throw DamagedValue(description: "damaged file: the share of \(tenant) is out of range")
        }
        number = row.int64(0)
        self.share = share
        counts = [JobState: Int](stored: row, from: 4)
    }
}

extension SQLiteConnection {
    fileprivate func job(_ id: JobID, of tenant: TenantID?, by keys: PayloadKeys) throws -> JobRecord? {
        try first(
            """
            SELECT id, tenant_name, state, model, priority, attempt, created_at, run_at, deadline, ended_at, status,
                metadata, cancel_requested, replay_of, replayed_as, sealed, is_erased
            FROM job_records WHERE id = ?1 AND (?2 IS NULL OR tenant_name = ?2) LIMIT 1
            """, id.text, tenant?.text
        ) { try strictJobRecord($0, by: keys) }
    }

    fileprivate func result(of id: JobID, _ tenant: TenantID?, by keys: PayloadKeys) throws -> JobResult? {
        try first(
            """
            SELECT e.status, e.headers, e.body, e.sealed, j.is_erased
            FROM job_records j JOIN ended e ON e.job = j.row
            WHERE j.id = ?1 AND (?2 IS NULL OR j.tenant_name = ?2) LIMIT 1
            """, id.text, tenant?.text
        ) { row in
            if row.bool(4) { throw JobStoreError.erased }
            return try jobResult(row, of: id, by: keys)
        }
    }

    fileprivate func status(of tenant: StoredTenant, at now: Timestamp) throws -> TenantStatus {
        let waiting = try earliestDue(of: tenant.number).map { now.duration(since: $0) }
        return TenantStatus(
            share: tenant.share, counts: tenant.counts, waiting: waiting.flatMap { $0 >= .zero ? $0 : nil })
    }

    /// The counters whose name is `prefix` and a state, one for each of `states`.
    func counters<State: Hashable & RawRepresentable<String>>(
        _ prefix: String, _ states: [State]
    ) throws -> [State: Int] {
        var counts: [State: Int] = [:]
        for state in states {
            counts[state] =
                try first("SELECT count FROM counters WHERE name = ? LIMIT 1", prefix + state.rawValue) { $0.int(0) }
                ?? 0
        }
        return counts
    }

    /// When the first of the tenant's queued jobs is or was due; nil if none is queued.
    func earliestDue(of tenant: Int64) throws -> Timestamp? {
        try classes(of: tenant).flatMap { models in
            try Priority.range.compactMap { priority in
                try first(
                    """
                    SELECT run_at FROM queued INDEXED BY queued_due WHERE tenant = ? AND class = ? AND priority = ?
                    ORDER BY run_at LIMIT 1
                    """, tenant, models, priority
                ) { $0.time(0) }
            }
        }.min()
    }

    /// The classes of models of the tenant's queued jobs, by number: one probe each.
    func classes(of tenant: Int64) throws -> [Int64] {
        var found: [Int64] = []
        while let next = try first(
            "SELECT class FROM queued INDEXED BY queued_due WHERE tenant = ? AND class > ? ORDER BY class LIMIT 1",
            tenant, found.last ?? -1, read: { $0.int64(0) })
        {
            found.append(next)
        }
        return found
    }
}
