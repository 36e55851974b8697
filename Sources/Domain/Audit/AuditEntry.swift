/// One line of the audit log: who did what to what, sealed together with all lines before it.
package struct AuditEntry: Hashable, Sendable {
    /// From 1, without gaps.
    package let sequence: Int64
    package let at: Timestamp
    package let actor: AuditActor
    /// An ``AuditAction``, or one of a newer relay.
    package let action: String
    /// The id of what it was done to.
    package let subject: String
    /// For people; never a secret. May be empty.
    package let detail: String
    /// The seal of this line and all before it.
    package let seal: [UInt8]

    package init(
        sequence: Int64, at: Timestamp, actor: AuditActor, action: String, subject: String, detail: String,
        seal: [UInt8]
    ) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
        self.seal = seal
    }

    /// What is sealed: each part with its length before it, so that no two lines have the same bytes.
    package static func content(
        sequence: Int64, at: Timestamp, actor: AuditActor, action: String, subject: String, detail: String
    ) -> [UInt8] {
        let parts = [
            String(sequence), String(at.microseconds), actor.kind.rawValue, actor.name, action, subject, detail,
        ]
        return parts.flatMap { part in Array("\(part.utf8.count):".utf8) + Array(part.utf8) }
    }

    /// What its own seal must cover.
    package var content: [UInt8] {
        Self.content(sequence: sequence, at: at, actor: actor, action: action, subject: subject, detail: detail)
    }
}
