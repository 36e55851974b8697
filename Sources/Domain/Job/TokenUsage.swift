/// What an answer says it has cost: the numbers of its `usage`.
package struct TokenUsage: Hashable, Sendable {
    package let input: Int
    package let output: Int
    /// Written to a cache that is kept for 5 minutes, or for an unknown time.
    package let cacheCreation: Int
    /// Written to a cache that is kept for an hour. The journal counts them with the others.
    package let hourCacheCreation: Int
    package let cacheRead: Int

    package init(input: Int, output: Int, cacheCreation: Int = 0, hourCacheCreation: Int = 0, cacheRead: Int = 0) {
        self.hourCacheCreation = hourCacheCreation
        self.input = input
        self.output = output
        self.cacheCreation = cacheCreation
        self.cacheRead = cacheRead
    }

    /// Tokens of all kinds.
    package var total: Int { input + output + cacheCreation + hourCacheCreation + cacheRead }
}
