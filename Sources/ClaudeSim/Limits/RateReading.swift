import NIOHTTP1

/// What the rate-limit headers tell about one key.
struct RateReading: Hashable, Sendable {
    let requestsPerMinute: Int
    let remaining: Int
    let untilFull: Duration

    /// Token families never limit here; they are present because the real API sends them.
    private static let tokenFamilies = [
        ("input-tokens", "2000000"), ("output-tokens", "400000"), ("tokens", "2400000"),
    ]

    /// - Parameter wallSeconds: seconds since 1970 in UTC.
    func write(into headers: inout HTTPHeaders, wallSeconds: Int64) {
        let prefix = "anthropic-ratelimit-"
        headers.add(name: prefix + "requests-limit", value: String(requestsPerMinute))
        headers.add(name: prefix + "requests-remaining", value: String(remaining))
        let fullAt = wallSeconds + Int64((untilFull / .seconds(1)).rounded(.up))
        headers.add(name: prefix + "requests-reset", value: TimestampText.rfc3339(seconds: fullAt))
        let now = TimestampText.rfc3339(seconds: wallSeconds)
        for (family, limit) in Self.tokenFamilies {
            headers.add(name: "\(prefix)\(family)-limit", value: limit)
            headers.add(name: "\(prefix)\(family)-remaining", value: limit)
            headers.add(name: "\(prefix)\(family)-reset", value: now)
        }
    }
}
