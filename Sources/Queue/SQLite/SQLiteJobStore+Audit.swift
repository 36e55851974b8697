package import Domain

extension SQLiteJobStore: AuditStore {
    /// Keeps the audit log with `keeping` from now on: its key may be known only once the store is open.
    package func keepAudit(with keeping: AuditKeeping) {
        writer.keepAudit(with: keeping)
    }

    package func record(_ action: AuditAction, _ subject: String, _ detail: String) async throws(JobStoreError) {
        try await writer.perform { try $0.audit(action, subject, detail) }
    }

    package func auditTrail(after sequence: Int64, limit: Int) async throws(JobStoreError) -> [AuditEntry] {
        try await read { connection in
            try connection.all(
                """
                SELECT sequence, at, actor_kind, actor, action, subject, detail, seal FROM audit
                WHERE sequence > ? ORDER BY sequence LIMIT ?
                """, sequence, min(max(limit, 1), 1000), read: AuditEntry.init(stored:))
        }
    }

    package func latestAudit(before sequence: Int64?, limit: Int) async throws(JobStoreError) -> [AuditEntry] {
        try await read { connection in
            try connection.all(
                """
                SELECT sequence, at, actor_kind, actor, action, subject, detail, seal FROM audit
                WHERE sequence < ? ORDER BY sequence DESC LIMIT ?
                """, sequence ?? .max, min(max(limit, 1), 1000), read: AuditEntry.init(stored:))
        }
    }
}

extension AuditEntry {
    /// Reads `sequence, at, actor_kind, actor, action, subject, detail, seal`.
    fileprivate init(stored row: SQLiteRow) throws {
        guard let kind = AuditActor.Kind(rawValue: row.text(2)) else {
            throw DamagedValue(description: "damaged file: '\(row.text(2))' is no kind of actor")
        }
        self.init(
            sequence: row.int64(0), at: row.time(1), actor: AuditActor(kind, row.text(3)), action: row.text(4),
            subject: row.text(5), detail: row.text(6), seal: row.bytes(7))
    }
}
