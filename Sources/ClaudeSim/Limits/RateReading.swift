import NIOHTTP1

/// What the rate-limit headers tell about one scope.
struct RateReading: Hashable, Sendable {
    struct Family: Hashable, Sendable {
        /// In a minute.
        let limit: Int
        /// What may be sent now; of tokens rounded to thousands, as the real API does.
        let remaining: Int
        let untilFull: Duration
    }

    var requests: Family?
    var inputTokens: Family?
    var outputTokens: Family?

    var isEmpty: Bool { requests == nil && inputTokens == nil && outputTokens == nil }

    /// The token limit that binds most: the one with the smallest share left.
    private var tokens: Family? {
        func share(_ family: Family) -> Double { Double(family.remaining) / Double(family.limit) }
        return [inputTokens, outputTokens].compactMap { $0 }.min { share($0) < share($1) }
    }

    /// A family without a limit is left out: a made-up one would slow down a client that obeys it.
    /// - Parameter wallSeconds: seconds since 1970 in UTC.
    func write(into headers: inout HTTPHeaders, wallSeconds: Int64) {
        let families = [
            ("requests", requests), ("input-tokens", inputTokens), ("output-tokens", outputTokens), ("tokens", tokens),
        ]
        for case (let name, let family?) in families {
            let prefix = "anthropic-ratelimit-\(name)"
            headers.add(name: "\(prefix)-limit", value: String(family.limit))
            headers.add(name: "\(prefix)-remaining", value: String(family.remaining))
            let fullAt = wallSeconds + Int64((family.untilFull / .seconds(1)).rounded(.up))
            headers.add(name: "\(prefix)-reset", value: TimestampText.rfc3339(seconds: fullAt))
        }
    }
}
