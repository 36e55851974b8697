/// Who does what is being done now.
package struct AuditActor: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Somebody at this machine, by a command; named as the system names the user.
        case command
        /// A program with a token; named by its tenant and the token's id.
        case token
        /// The relay by itself.
        case relay
    }

    package let kind: Kind
    package let name: String

    package init(_ kind: Kind, _ name: String) {
        self.kind = kind
        self.name = name
    }

    package static let relay = AuditActor(.relay, "relay")

    /// Whoever the present task acts for. Bound at the edge: by the commands, and by the API for each call; what the store
    /// records of a change names it.
    @TaskLocal package static var current = AuditActor.relay
}
