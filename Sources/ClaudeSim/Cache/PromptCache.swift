/// Which prefixes each organization has used within five minutes. A kept prefix can be found at once.
struct PromptCache: Sendable {
    private struct Entry: Hashable {
        let organization: String
        let fingerprint: Fingerprint
    }

    /// Since the last use.
    static let lifetime = Duration.seconds(300)

    private let capacity: Int
    private var expiries: [Entry: Duration] = [:]

    /// - Parameter capacity: prefixes kept at most; more are not kept.
    init(capacity: Int = 200_000) {
        self.capacity = capacity
    }

    /// What a request would find and leave; nothing changes.
    func look(up prefix: PromptPrefix, organization: String, at now: Duration) -> CacheUse {
        guard let last = prefix.breakpoints.last else { return .none }
        let found = prefix.breakpoints.last { breakpoint in
            let entry = Entry(organization: organization, fingerprint: breakpoint.fingerprint)
            return expiries[entry].map { $0 > now } ?? false
        }
        let read = found.map { MessageFacts.tokens(bodyBytes: $0.bytes) } ?? 0
        return CacheUse(read: read, created: MessageFacts.tokens(bodyBytes: last.bytes) - read, isLookup: true)
    }

    /// Keeps the prefix up to each of its breakpoints, or refreshes it.
    mutating func keep(_ prefix: PromptPrefix, organization: String, at now: Duration) {
        for breakpoint in prefix.breakpoints {
            let entry = Entry(organization: organization, fingerprint: breakpoint.fingerprint)
            if expiries.count >= capacity, expiries[entry] == nil {
                expiries = expiries.filter { $0.value > now }
                guard expiries.count < capacity else { return }
            }
            expiries[entry] = now + Self.lifetime
        }
    }
}
