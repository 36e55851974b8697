extension StatisticsReport {
    /// One organization; keys without one are organizations by themselves.
    struct Organization: Encodable, Sendable {
        let id: String
        /// By class of models: what limits hold for.
        let scopes: [String: Scope]
        let cache: Cache

        init(name: String, _ statistics: OrganizationStatistics) {
            id = Organizations.id(ofName: name)
            scopes = statistics.scopes.mapValues { Scope($0) }
            cache = Cache(statistics.cache)
        }
    }

    struct Scope: Encodable, Sendable {
        let requests: Int
        /// By the limit that would have been exceeded.
        let overLimit: [String: Int]
        let peakAccepted: Int

        private enum CodingKeys: String, CodingKey {
            case requests
            case overLimit = "over_limit"
            case peakAccepted = "peak_accepted_1s"
        }

        init(_ scope: OrganizationStatistics.Scope) {
            requests = scope.requests
            overLimit = Dictionary(uniqueKeysWithValues: scope.overLimit.map { ($0.key.rawValue, $0.value) })
            peakAccepted = scope.accepted.peak
        }
    }

    /// Of executed requests that had a prefix to keep.
    struct Cache: Encodable, Sendable {
        let hits: Int
        let misses: Int
        let readTokens: Int
        let createdTokens: Int

        private enum CodingKeys: String, CodingKey {
            case hits, misses
            case readTokens = "read_tokens"
            case createdTokens = "created_tokens"
        }

        init(_ cache: OrganizationStatistics.Cache) {
            hits = cache.hits
            misses = cache.misses
            readTokens = cache.readTokens
            createdTokens = cache.createdTokens
        }
    }

    struct Source: Encodable, Sendable {
        let requests: Int
        let refused: Int

        init(_ source: SourceStatistics) {
            requests = source.requests
            refused = source.refused
        }
    }

    struct Target: Encodable, Sendable {
        let key: String?
        let model: String?
        let fault: String
    }
}
