package import Domain

extension SQLiteJobStore {
    package func addAPIKey(_ key: APIKey) async throws(JobStoreError) {
        try await writer.perform { context in
            let count = try context.connection.first("SELECT count(*) FROM api_keys") { $0.int(0) } ?? 0
            guard count < APIKey.limit else { throw JobStoreError.full(depth: count, limit: APIKey.limit) }
            let isTaken = try context.connection.first(
                "SELECT 1 FROM api_keys WHERE id = ? OR prefix = ? LIMIT 1", key.id, key.prefix
            ) { _ in true }
            guard isTaken == nil else {
                throw JobStoreError.unavailable(detail: "an API key of the id \(key.id) or its prefix exists")
            }
            try context.audit(.apiKeyCreated, key.id, key.words)
            try context.connection.execute(
                """
                INSERT INTO api_keys
                    (id, prefix, hash, tenant, scopes, name, created_at, expires_at, revoked_at, last_used_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, key.id, key.prefix, key.hash, key.tenant.text, key.scopes.text, key.name, key.createdAt,
                key.expiresAt, key.revokedAt, key.lastUsedAt)
            try context.noteTokens()
        }
    }

    package func apiKeys(of tenant: TenantID?) async throws(JobStoreError) -> [APIKey] {
        try await read { connection in
            try connection.all(
                """
                SELECT id, prefix, hash, tenant, scopes, name, created_at, expires_at, revoked_at, last_used_at
                FROM api_keys WHERE ?1 IS NULL OR tenant = ?1 ORDER BY created_at, id LIMIT ?2
                """, tenant?.text, APIKey.limit, read: APIKey.init(stored:))
        }
    }

    package func apiKeys(_ query: APIKeyQuery) async throws(JobStoreError) -> [APIKey] {
        try await read { connection in
            try connection.all(
                """
                SELECT id, prefix, hash, tenant, scopes, name, created_at, expires_at, revoked_at, last_used_at
                FROM api_keys WHERE id > ?1 AND (?2 IS NULL OR tenant = ?2) AND substr(prefix, 1, length(?3)) = ?3
                ORDER BY id LIMIT ?4
                """, query.after ?? "", query.tenant?.text, query.prefix, query.limit, read: APIKey.init(stored:))
        }
    }

    package func revokeAPIKey(_ name: String, at now: Timestamp) async throws(JobStoreError) -> APIKey? {
        try await writer.perform { context in
            let changed = try context.connection.execute(
                "UPDATE api_keys SET revoked_at = ? WHERE (id = ? OR prefix = ?) AND revoked_at IS NULL", now, name,
                name)
            if changed > 0 {
                try context.audit(.tokenRevoked, name)
                try context.noteTokens()
            }
            return try context.connection.first(
                """
                SELECT id, prefix, hash, tenant, scopes, name, created_at, expires_at, revoked_at, last_used_at
                FROM api_keys WHERE id = ? OR prefix = ? LIMIT 1
                """, name, name, read: APIKey.init(stored:))
        }
    }

    package func noteUses(_ uses: [String: Timestamp]) async throws(JobStoreError) {
        guard !uses.isEmpty else { return }
        try await writer.perform { context in
            for (id, time) in uses {
                try context.connection.execute(
                    "UPDATE api_keys SET last_used_at = ?1 WHERE id = ?2 AND coalesce(last_used_at < ?1, 1)", time, id)
            }
        }
    }

    package func revoke(_ revocation: TokenRevocation, tokenLimit: Int) async throws(JobStoreError) {
        try await writer.perform { context in
            let (kind, subject) = revocation.subject.stored
            if case .token(let id) = revocation.subject { try context.requireRoom(forToken: id, limit: tokenLimit) }
            try context.connection.execute(
                """
                INSERT INTO revocations (kind, subject, since) VALUES (?, ?, ?)
                ON CONFLICT (kind, subject) DO UPDATE SET since = max(since, excluded.since)
                """, kind, subject, revocation.since)
            try context.audit(.tokenRevoked, subject, revocation.subject.words)
            try context.noteTokens()
        }
    }

    package func revocations() async throws(JobStoreError) -> [TokenRevocation] {
        try await read { connection in
            try connection.all(
                "SELECT kind, subject, since FROM revocations ORDER BY since DESC, kind, subject",
                read: TokenRevocation.init(stored:))
        }
    }

    package func revocations(_ query: RevocationQuery) async throws(JobStoreError) -> [TokenRevocation] {
        try await read { connection in
            try connection.all(
                """
                SELECT kind, subject, since FROM revocations
                WHERE (kind, subject) > (?1, ?2) AND (?3 IS NULL OR (kind = 1 AND subject = ?3))
                ORDER BY kind, subject LIMIT ?4
                """, query.after?.stored.kind ?? -1, query.after?.stored.subject ?? "", query.tenant?.text, query.limit,
                read: TokenRevocation.init(stored:))
        }
    }

    package func tokenRevision() async throws(JobStoreError) -> Int {
        try await probe { connection in
            try connection.first("SELECT count FROM counters WHERE name = 'tokens.revision'") { $0.int(0) } ?? 0
        }
    }
}

extension WriteContext {
    fileprivate func requireRoom(forToken id: String, limit: Int) throws {
        let others = try connection.first(
            "SELECT count(*) FROM revocations WHERE kind = 0 AND subject != ?", id
        ) { $0.int(0) }
        guard let others, others < limit else { throw JobStoreError.full(depth: others ?? 0, limit: limit) }
    }

    /// What other processes know of credentials is no longer true.
    fileprivate func noteTokens() throws {
        try connection.execute(
            """
            INSERT INTO counters (name, count) VALUES ('tokens.revision', 1)
            ON CONFLICT (name) DO UPDATE SET count = count + 1
            """)
        note(.tokens)
    }
}

extension TokenRevocation.Subject {
    fileprivate var stored: (kind: Int, subject: String) {
        switch self {
        case .token(let id): (0, id)
        case .tenant(let tenant): (1, tenant.text)
        }
    }
}

extension TokenRevocation {
    /// Reads the columns of `revocations` in their order.
    fileprivate init(stored row: SQLiteRow) throws {
        let subject: Subject =
            if row.int(0) == 1 { .tenant(try TenantID(stored: row.text(1))) } else { .token(row.text(1)) }
        self.init(subject, since: row.time(2))
    }
}

extension APIKey {
    /// Reads the columns of `api_keys` in their order.
    fileprivate init(stored row: SQLiteRow) throws {
        self.init(
            id: row.text(0), prefix: row.text(1), hash: row.bytes(2), tenant: try TenantID(stored: row.text(3)),
            // A scope of a newer relay is none here.
            scopes: Set(row.text(4).split(separator: ",").compactMap { Caller.Scope(rawValue: String($0)) }),
            name: row.text(5), createdAt: row.time(6), expiresAt: row.optionalTime(7), revokedAt: row.optionalTime(8),
            lastUsedAt: row.optionalTime(9))
    }
}
