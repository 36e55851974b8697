/// Who does what is being done now.
package struct AuditActor: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Somebody at this machine, by a command; named as the system names the user.
        case command
        /// A program with a token; named by its tenant and, after a blank, the API key's id or the token's `jti`, if it has one.
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

    /// Who calls with a credential. A `jti` is a foreign issuer's word: cut to what can be revoked, without control characters.
    package init(_ caller: Caller) {
        let shown = caller.credential.map { text in
            String(decoding: text.utf8.prefix(TokenRevocation.tokenIDLimit), as: UTF8.self).unicodeScalars
                .map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : String($0) }.joined()
        }
        self.init(.token, [caller.tenant.text, shown].compactMap(\.self).joined(separator: " "))
    }

    /// The name, and for a token what follows its tenant; no tenant's name holds a blank.
    package var parts: (name: String, credential: String?) {
        guard kind == .token, let blank = name.firstIndex(of: " ") else { return (name, nil) }
        return (String(name[..<blank]), String(name[name.index(after: blank)...]))
    }

    package static let relay = AuditActor(.relay, "relay")

    /// Whoever the present task acts for. Bound at the edge: by the commands, and by the API for each call; what the store
    /// records of a change names it.
    @TaskLocal package static var current = AuditActor.relay
}
