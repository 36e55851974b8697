import Domain

/// JWTs that have been verified, by their SHA-256, until they expire; and what the store says of credentials. The two are
/// kept together, so that a token cannot be remembered by a register that has been replaced meanwhile.
struct VerifiedTokens: Sendable {
    struct Entry: Sendable {
        let grant: TokenGrant
        let issuers: IssuerSet
        /// Its index in them.
        let issuer: Int
        /// Of the issuer's keys when it was verified.
        let generation: Int
    }

    /// Who is believed, from one change of the configuration to the next.
    struct IssuerSet: Sendable {
        let number: Int
        let list: [TokenIssuer]
    }

    private static let limit = 10_000
    /// How exact the last use of an API key is known.
    private static let useInterval = Duration.seconds(60)

    private(set) var issuers: IssuerSet
    private var entries: [[UInt8]: Entry] = [:]
    private(set) var register = TokenRegister()
    private var uses: [String: Timestamp] = [:]
    private var unsaved: [String: Timestamp] = [:]

    init(issuers: [TokenIssuer]) {
        self.issuers = IssuerSet(number: 0, list: issuers)
    }

    /// Forgets what has been verified: those who signed it may not be believed any more, or less.
    mutating func adopt(_ list: [TokenIssuer]) {
        issuers = IssuerSet(number: issuers.number + 1, list: list)
        entries = [:]
    }

    func entry(_ hash: [UInt8]) -> Entry? { entries[hash] }

    mutating func forget(_ hash: [UInt8]) {
        entries[hash] = nil
    }

    /// - Returns: false, and nothing is remembered, if the token has been revoked.
    mutating func remember(_ entry: Entry, under hash: [UInt8], at now: Timestamp) -> Bool {
        guard holds(entry.grant) else { return false }
        guard entry.issuers.number == issuers.number else { return true }
        if entries.count >= Self.limit { entries = entries.filter { now < $0.value.grant.expiresAt } }
        if entries.count >= Self.limit { entries.removeAll() }
        entries[hash] = entry
        return true
    }

    /// Takes over what the store says now, and forgets what that revokes.
    mutating func adopt(_ register: TokenRegister) {
        self.register = register
        entries = entries.filter { holds($0.value.grant) }
        uses = uses.filter { register.holdsKey($0.key) }
    }

    /// Notes that an API key was used.
    mutating func used(_ key: APIKey, at now: Timestamp) {
        let last = uses[key.id] ?? key.lastUsedAt
        if let last, last <= now, now < last.advanced(by: Self.useInterval) { return }
        uses[key.id] = now
        unsaved[key.id] = now
    }

    /// What has been noted since the last call, by key.
    mutating func takeUses() -> [String: Timestamp] {
        defer { unsaved = [:] }
        return unsaved
    }

    private func holds(_ grant: TokenGrant) -> Bool {
        !register.isRevoked(id: grant.id, of: grant.caller.tenant, issuedAt: grant.issuedAt)
    }
}
