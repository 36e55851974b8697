/// What one pacing scope may do. nil: no limit of that kind.
package struct PacingLimits: Hashable, Sendable {
    /// Starts.
    package var rate: PacingRate?
    /// Tokens per minute that count against the input limit: uncached ones and those written to a cache.
    package var input: TokenRate?
    /// Tokens per minute that are generated.
    package var output: TokenRate?
    /// Calls in flight, over all processes.
    package var concurrency: Int?

    package static let none = PacingLimits()

    package init(
        rate: PacingRate? = nil, input: TokenRate? = nil, output: TokenRate? = nil, concurrency: Int? = nil
    ) {
        self.rate = rate
        self.input = input
        self.output = output
        self.concurrency = concurrency
    }

    package var isNone: Bool { self == .none }

    /// The stricter of both, kind by kind.
    package func stricter(_ other: PacingLimits) -> PacingLimits {
        func least<Value>(_ one: Value?, _ two: Value?, _ value: (Value) -> Double) -> Value? {
            guard let one, let two else { return one ?? two }
            return value(one) <= value(two) ? one : two
        }
        return PacingLimits(
            rate: least(rate, other.rate, \.requestsPerSecond), input: least(input, other.input, \.tokensPerMinute),
            output: least(output, other.output, \.tokensPerMinute),
            concurrency: least(concurrency, other.concurrency, Double.init))
    }
}

/// A limit on tokens per minute.
package struct TokenRate: Hashable, Sendable {
    /// From 1 to 10¹².
    package let tokensPerMinute: Double

    /// nil outside the range.
    package init?(tokensPerMinute: Double) {
        guard tokensPerMinute >= 1, tokensPerMinute <= 1_000_000_000_000 else { return nil }
        self.tokensPerMinute = tokensPerMinute
    }

    /// How long `tokens` take at this rate. At most ``ScopePacing/maxDebt``.
    package func time(for tokens: Int) -> Duration {
        let microseconds = Double(max(0, tokens)) * 60_000_000 / tokensPerMinute
        return .microseconds(Int64(min(microseconds, Double(ScopePacing.maxDebt.microseconds)).rounded(.up)))
    }
}

/// What a call costs in tokens: an estimate before it is sent, its usage afterwards.
package struct TokenCost: Hashable, Sendable {
    package let input: Int
    package let output: Int

    package static let nothing = TokenCost(input: 0, output: 0)

    package init(input: Int, output: Int) {
        self.input = input
        self.output = output
    }

    /// Tokens read from a cache do not count against the limits.
    package init(_ usage: TokenUsage) {
        self.init(input: usage.input + usage.cacheCreation + usage.hourCacheCreation, output: usage.output)
    }
}
