/// A key that the relay has issued to a program, as it is kept: without the key itself.
package struct APIKey: Hashable, Sendable {
    /// `key_` and a ``SortableName``.
    package let id: String
    /// The key's first characters, `sk-relay-` included: enough to find it by, not to use it.
    package let prefix: String
    /// SHA-256 of the whole key.
    package let hash: [UInt8]
    package let tenant: TenantID
    package let scopes: Set<Caller.Scope>
    /// For people.
    package let name: String
    package let createdAt: Timestamp
    /// nil: never.
    package let expiresAt: Timestamp?
    package let revokedAt: Timestamp?
    /// To a minute or so; nil if it has not been used.
    package let lastUsedAt: Timestamp?

    package init(
        id: String, prefix: String, hash: [UInt8], tenant: TenantID, scopes: Set<Caller.Scope>, name: String,
        createdAt: Timestamp, expiresAt: Timestamp? = nil, revokedAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil
    ) {
        self.id = id
        self.prefix = prefix
        self.hash = hash
        self.tenant = tenant
        self.scopes = scopes
        self.name = name
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.lastUsedAt = lastUsedAt
    }

    /// Whose it is and what it may do, for people.
    package var words: String {
        "tenant \(tenant), scopes \(scopes.map(\.rawValue).sorted().joined(separator: " "))"
    }

    /// Who calls with it.
    package var caller: Caller { Caller(tenant: tenant, scopes: scopes, credential: .key(id)) }

    /// What becomes of it when it is used or revoked.
    package func with(revokedAt: Timestamp?, lastUsedAt: Timestamp?) -> APIKey {
        APIKey(
            id: id, prefix: prefix, hash: hash, tenant: tenant, scopes: scopes, name: name, createdAt: createdAt,
            expiresAt: expiresAt, revokedAt: revokedAt, lastUsedAt: lastUsedAt)
    }

    /// Keys that a store keeps at most, revoked ones included.
    package static let limit = 100_000
    /// Characters of a key's name for people.
    package static let nameLimit = 200

    /// A new id.
    package static func makeID(at now: Timestamp, using random: inout some RandomNumberGenerator) -> String {
        "key_" + SortableName.make(at: now, using: &random)
    }
}

/// The form of an API key: `sk-relay-`, 8 characters that it is found by, 40 that are the secret.
package enum APIKeyText {
    package static let mark = "sk-relay-"
    private static let prefixLength = mark.utf8.count + 8
    private static let secretLength = 40
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    /// A new key: 238 random bits are its secret.
    /// - Parameter random: must be fit for secrets.
    package static func make(using random: inout some RandomNumberGenerator) -> String {
        let length = prefixLength - mark.utf8.count + secretLength
        return mark + String((0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &random)] })
    }

    /// The part of `key` that it is found by; nil if it does not have the form.
    package static func prefix(of key: String) -> String? {
        guard key.hasPrefix(mark), key.utf8.count == prefixLength + secretLength,
            key.dropFirst(mark.count).allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { return nil }
        return String(key.prefix(prefixLength))
    }
}
