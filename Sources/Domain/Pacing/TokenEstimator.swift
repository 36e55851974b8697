/// Guesses what calls will cost in tokens, from what calls of the same model have cost: bytes → input tokens, and the usual
/// output. Each observation moves a guess by a sixteenth of the difference.
package struct TokenEstimator: Sendable {
    /// Models remembered at most; further ones are guessed by the defaults.
    package static let modelLimit = 256
    /// What English text has, about.
    package static let defaultBytesPerToken = 3.5
    package static let defaultOutput = 500.0
    private static let weight = 1.0 / 16

    private struct Experience: Sendable {
        var tokensPerByte = 1 / TokenEstimator.defaultBytesPerToken
        var input = 500.0
        var output = TokenEstimator.defaultOutput
    }

    private var experiences: [String: Experience] = [:]

    package init() {}

    /// - Parameters:
    ///   - bytes: of the request's body; nil if it is not known yet: then the usual size of the model's calls counts.
    ///   - maxTokens: the request's own limit on its output; nil for none.
    package func estimate(model: String, bytes: Int?, maxTokens: Int?) -> TokenCost {
        let experience = experiences[model] ?? Experience()
        let input = bytes.map { Double($0) * experience.tokensPerByte } ?? experience.input
        let output = min(experience.output, maxTokens.map(Double.init) ?? .infinity)
        return TokenCost(input: Int(input.rounded(.up)), output: Int(output.rounded(.up)))
    }

    /// A call of `bytes` has cost `usage`.
    package mutating func learn(model: String, bytes: Int, usage: TokenUsage) {
        guard experiences[model] != nil || experiences.count < Self.modelLimit else { return }
        var experience = experiences[model] ?? Experience()
        let cost = TokenCost(usage)
        if bytes > 0 { Self.move(&experience.tokensPerByte, towards: Double(cost.input) / Double(bytes)) }
        Self.move(&experience.input, towards: Double(cost.input))
        Self.move(&experience.output, towards: Double(cost.output))
        experiences[model] = experience
    }

    private static func move(_ value: inout Double, towards goal: Double) {
        value += (goal - value) * weight
    }
}
