/// What models cost.
package struct PriceList: Hashable, Sendable {
    /// At least one; of those that match a model the first one counts.
    package let rules: [PriceRule]
    /// Of each kind of token the highest price on the list: what a model that is not on it is taken to cost.
    package let dearest: ModelPrice

    /// nil without a rule.
    package init?(_ rules: [PriceRule]) {
        guard !rules.isEmpty else { return nil }
        self.rules = rules
        dearest = rules.map(\.price).reduce(.free) { $0.dearer($1) }
    }

    /// Everything is free of charge: for tests, and for tools that price nothing.
    package static let free = PriceList(rules: [], dearest: .free)

    private init(rules: [PriceRule], dearest: ModelPrice) {
        self.rules = rules
        self.dearest = dearest
    }

    /// nil if the model is not on the list.
    package func price(of model: String) -> ModelPrice? {
        rules.first { $0.pattern.matches(model) }?.price
    }

    /// What an answer of `model` has cost.
    package func bill(_ usage: TokenUsage?, of model: String) -> Bill {
        let price = price(of: model)
        return Bill(
            model: model, usage: usage, cost: usage.map((price ?? dearest).cost) ?? .zero, isPriced: price != nil)
    }

    /// What the call with this Messages body may cost.
    /// - Parameter maxTokens: of the body; nil if it does not say, then ``assumedOutput`` counts.
    package func demand(of model: String, _ body: [UInt8], maxTokens: Int?) -> BudgetAmount {
        demand(of: model, bytes: body.count, maxTokens: maxTokens, InputHints(body))
    }

    /// The same, with `max_tokens` read from the body.
    package func demand(of model: String, _ body: [UInt8]) -> BudgetAmount {
        let fields = try? JSONFields(body)
        return demand(of: model, body, maxTokens: fields?.member("max_tokens").flatMap { fields?.positiveInteger($0) })
    }

    /// What a call may cost: its input as ``inputTokens(of:)`` counts it, with what `hints` tell of beside, and as much
    /// output as it allows.
    package func demand(of model: String, bytes: Int, maxTokens: Int?, _ hints: InputHints = .none) -> BudgetAmount {
        demand(
            of: model, input: Self.inputTokens(of: bytes, hints), maxTokens: maxTokens, mayCache: hints.mayCache)
    }

    private func demand(of model: String, input: Int, maxTokens: Int?, mayCache: Bool) -> BudgetAmount {
        let price = price(of: model) ?? dearest
        let output = min(max(0, maxTokens ?? Self.assumedOutput), ModelPrice.tokenLimit)
        return BudgetAmount(
            tokens: input + output,
            money: price.worst(input: input, output: output, mayCache: mayCache))
    }

    /// Tokens that a body of `bytes` has at most, as a rule: one in two bytes, and what the provider adds for tools. English
    /// has one in four. Images are small in bytes at times; what is fetched may fill the model's context.
    package static func inputTokens(of bytes: Int, _ hints: InputHints = .none) -> Int {
        let images = min(hints.images, ModelPrice.tokenLimit / InputHints.imageTokens) * InputHints.imageTokens
        let told = min(bytes, 2 * ModelPrice.tokenLimit) / 2 + 500 + images
        return hints.isOpenEnded ? max(told, InputHints.contextWindow) : told
    }

    private static let assumedOutput = 128_000
}

/// The price of the models whose names match a pattern.
package struct PriceRule: Hashable, Sendable {
    package let pattern: ModelPattern
    package let price: ModelPrice

    package init(_ pattern: ModelPattern, _ price: ModelPrice) {
        self.pattern = pattern
        self.price = price
    }
}

/// Prices of a million tokens.
package struct ModelPrice: Hashable, Sendable {
    /// What no price is above: a thousand dollars.
    package static let limit = Money(microdollars: 1_000_000_000)
    /// Tokens of one call and kind; what is above counts as this.
    static let tokenLimit = 1_000_000_000
    static let free = ModelPrice(
        input: .zero, output: .zero, cacheWrite: .zero, cacheWriteHour: .zero, cacheRead: .zero)

    package let input: Money
    package let output: Money
    /// To a cache that is kept for 5 minutes.
    package let cacheWrite: Money
    /// To one that is kept for an hour.
    package let cacheWriteHour: Money
    package let cacheRead: Money

    /// - Parameters: each from 0 to ``limit``; clamped.
    package init(input: Money, output: Money, cacheWrite: Money, cacheWriteHour: Money, cacheRead: Money) {
        func clamped(_ price: Money) -> Money { min(max(price, .zero), Self.limit) }
        self.input = clamped(input)
        self.output = clamped(output)
        self.cacheWrite = clamped(cacheWrite)
        self.cacheWriteHour = clamped(cacheWriteHour)
        self.cacheRead = clamped(cacheRead)
    }

    /// Rounded up to a whole micro-dollar: 1,000 tokens at $3 and 100 at $15 → $0.0045.
    package func cost(_ usage: TokenUsage) -> Money {
        let parts = [
            (usage.input, input), (usage.output, output), (usage.cacheCreation, cacheWrite),
            (usage.hourCacheCreation, cacheWriteHour), (usage.cacheRead, cacheRead),
        ]
        let sum = parts.reduce(0) { $0 + min(max(0, $1.0), Self.tokenLimit) * $1.1.microdollars }
        return Money(microdollars: (sum + 999_999) / 1_000_000)
    }

    /// Of any mix of input with caches.
    fileprivate func worst(input: Int, output: Int, mayCache: Bool) -> Money {
        let dearest = mayCache ? [self.input, cacheWrite, cacheWriteHour, cacheRead].max() ?? self.input : self.input
        let flat = ModelPrice(
            input: dearest, output: self.output, cacheWrite: .zero, cacheWriteHour: .zero, cacheRead: .zero)
        return flat.cost(TokenUsage(input: input, output: output))
    }

    fileprivate func dearer(_ other: ModelPrice) -> ModelPrice {
        ModelPrice(
            input: max(input, other.input), output: max(output, other.output),
            cacheWrite: max(cacheWrite, other.cacheWrite),
            cacheWriteHour: max(cacheWriteHour, other.cacheWriteHour), cacheRead: max(cacheRead, other.cacheRead))
    }
}

/// What one attempt has used and cost, by the prices of the moment.
package struct Bill: Hashable, Sendable {
    package let model: String
    /// nil if no answer said.
    package let usage: TokenUsage?
    package let cost: Money
    /// False if the model is not on the price list: then the dearest prices count.
    package let isPriced: Bool

    package init(model: String, usage: TokenUsage?, cost: Money, isPriced: Bool) {
        self.model = model
        self.usage = usage
        self.cost = cost
        self.isPriced = isPriced
    }

    /// What it takes from budgets; nil if no answer said.
    package var amount: BudgetAmount? {
        usage.map { BudgetAmount(tokens: $0.total, money: cost) }
    }
}
