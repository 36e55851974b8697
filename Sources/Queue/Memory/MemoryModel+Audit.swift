import Domain

extension MemoryModel {
    /// Records what is being done, by whom; nothing if the store keeps no log.
    mutating func audit(_ action: AuditAction, _ subject: String, _ detail: String = "") throws(JobStoreError) {
        guard let keeping = auditKeeping else { return }
        let (sequence, now, actor) = (Int64(trail.count + 1), keeping.wall.now(), AuditActor.current)
        let content = AuditEntry.content(
            sequence: sequence, at: now, actor: actor, action: action.rawValue, subject: subject, detail: detail)
        do throws(RelayError) {
            let seal = try keeping.sealer.seal(content, after: trail.last?.seal ?? [])
            trail.append(
                AuditEntry(
                    sequence: sequence, at: now, actor: actor, action: action.rawValue, subject: subject,
                    detail: detail, seal: seal))
        } catch {
            throw JobStoreError.unavailable(detail: "the audit log cannot be sealed: \(error.message)")
        }
    }
}
