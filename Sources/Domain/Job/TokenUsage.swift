/// What an answer says it has cost: the numbers of its `usage`.
package struct TokenUsage: Hashable, Sendable {
    package let input: Int
    package let output: Int
    package let cacheCreation: Int
    package let cacheRead: Int

    package init(input: Int, output: Int, cacheCreation: Int = 0, cacheRead: Int = 0) {
        self.input = input
        self.output = output
        self.cacheCreation = cacheCreation
        self.cacheRead = cacheRead
    }
}
