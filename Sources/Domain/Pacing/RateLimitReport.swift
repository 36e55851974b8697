/// What an answer's `anthropic-ratelimit-*` headers say of the scope that it was counted in.
package struct RateLimitReport: Hashable, Sendable {
    /// One family of headers.
    package struct Reading: Hashable, Sendable {
        /// Per minute.
        package let limit: Double
        package let remaining: Double
        /// When all of it is there again; nil if it does not say.
        package let reset: Timestamp?

        /// When the scope may go on: at once while there is a second's worth left, a second later else. Small allowances
        /// (as of a server that admits few calls at once) are empty after each call and tell nothing.
        func goesOn(at now: Timestamp) -> Timestamp {
            let each = limit / 60
            let untilFull = reset.map { $0.duration(since: now).seconds } ?? 60
            guard remaining < each, remaining + untilFull * each >= max(20, each * 5) else { return now }
            return now.advanced(by: .seconds(1))
        }
    }

    package let requests: Reading?
    package let input: Reading?
    package let output: Reading?

    /// nil if there is none of the headers.
    package init?(_ headers: [HeaderField]) {
        requests = Self.read("requests", headers)
        input = Self.read("input-tokens", headers)
        output = Self.read("output-tokens", headers)
        if requests == nil, input == nil, output == nil { return nil }
    }

    /// The limits as they are used for pacing.
    package var limits: PacingLimits {
        PacingLimits(
            rate: requests.flatMap { PacingRate(requestsPerSecond: $0.limit / 60) },
            input: input.flatMap { TokenRate(tokensPerMinute: $0.limit) },
            output: output.flatMap { TokenRate(tokensPerMinute: $0.limit) })
    }

    private static func read(_ family: String, _ headers: [HeaderField]) -> Reading? {
        guard let limit = headers.first("anthropic-ratelimit-\(family)-limit").flatMap(Double.init), limit >= 1,
            let remaining = headers.first("anthropic-ratelimit-\(family)-remaining").flatMap(Double.init),
            limit.isFinite, remaining.isFinite
        else { return nil }
        let reset = headers.first("anthropic-ratelimit-\(family)-reset").flatMap(Timestamp.init(rfc3339:))
        return Reading(limit: limit, remaining: max(0, remaining), reset: reset)
    }
}
