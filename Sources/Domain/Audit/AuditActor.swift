/// Who does what is being done now.
package struct AuditActor: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Somebody at this machine, by a command; named as the system names the user.
        case command
        /// A program with a token; named by its tenant and, after a blank, `key:` and the API key's id, or `jti:` and the token's.
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

    /// Who calls with a credential. A `jti` is a foreign issuer's word: cut to what can be revoked, and made plain.
    package init(_ caller: Caller) {
        let shown: String? =
            switch caller.credential {
            case .key(let id): "key:" + id
            case .token(let id):
                "jti:" + ShownText.plain(String(decoding: id.utf8.prefix(TokenRevocation.tokenIDLimit), as: UTF8.self))
            case nil: nil
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
