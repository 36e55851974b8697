import Domain

extension WriteContext {
    /// Records what this transaction does, by whom; nothing if the store keeps no log.
    /// - Parameter detail: for people, never a secret.
    func audit(_ action: AuditAction, _ subject: String, _ detail: String = "") throws {
        guard let keeping = auditKeeping else { return }
        let last = try connection.first("SELECT sequence, seal FROM audit ORDER BY sequence DESC LIMIT 1") {
            (sequence: $0.int64(0), seal: $0.bytes(1))
        }
        let (sequence, now) = ((last?.sequence ?? 0) + 1, keeping.wall.now())
        let content = AuditEntry.content(
            sequence: sequence, at: now, actor: actor, action: action.rawValue, subject: subject, detail: detail)
        let seal: [UInt8]
        do throws(RelayError) {
            seal = try keeping.sealer.seal(content, after: last?.seal ?? [])
        } catch {
            throw JobStoreError.unavailable(detail: "the audit log cannot be sealed: \(error.message)")
        }
        try connection.execute(
            """
            INSERT INTO audit (sequence, at, actor_kind, actor, action, subject, detail, seal)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """, sequence, now, actor.kind.rawValue, actor.name, action.rawValue, subject, detail, seal)
    }
}
