/// What one organization did on `POST /v1/messages`.
struct OrganizationStatistics: Sendable {
    /// One class of models.
    struct Scope: Sendable {
        var requests = 0
        var overLimit: [OverLimit.Reason: Int] = [:]
        /// Those within the limits.
        var accepted = WindowPeak()
    }

    /// Executed requests that had a prefix to keep.
    struct Cache: Hashable, Sendable {
        var hits = 0
        var misses = 0
        var readTokens = 0
        var createdTokens = 0

        mutating func record(_ use: CacheUse) {
            guard use.isLookup else { return }
            if use.read > 0 { hits += 1 } else { misses += 1 }
            readTokens += use.read
            createdTokens += use.created
        }

        mutating func add(_ other: Cache) {
            hits += other.hits
            misses += other.misses
            readTokens += other.readTokens
            createdTokens += other.createdTokens
        }
    }

    var scopes: [String: Scope] = [:]
    var cache = Cache()
}
