/// What a call takes from a tenant's budgets: tokens of all kinds, and money.
package struct BudgetAmount: Hashable, Sendable {
    package static let nothing = BudgetAmount(tokens: 0, money: .zero)

    package let tokens: Int
    package let money: Money

    package init(tokens: Int, money: Money) {
        self.tokens = tokens
        self.money = money
    }

    package static func + (left: BudgetAmount, right: BudgetAmount) -> BudgetAmount {
        BudgetAmount(tokens: left.tokens + right.tokens, money: left.money + right.money)
    }

    package static func - (left: BudgetAmount, right: BudgetAmount) -> BudgetAmount {
        BudgetAmount(tokens: left.tokens - right.tokens, money: left.money - right.money)
    }

    /// Of each kind the smaller one.
    package func least(_ other: BudgetAmount) -> BudgetAmount {
        BudgetAmount(tokens: min(tokens, other.tokens), money: min(money, other.money))
    }

    /// Of each kind the larger one.
    package func most(_ other: BudgetAmount) -> BudgetAmount {
        BudgetAmount(tokens: max(tokens, other.tokens), money: max(money, other.money))
    }

    /// `count` times as much.
    package func times(_ count: Int) -> BudgetAmount {
        BudgetAmount(tokens: tokens * count, money: Money(microdollars: money.microdollars * count))
    }
}

/// What a tenant may use up in each calendar day and month, UTC. nil: no limit of that kind.
package struct BudgetLimits: Hashable, Sendable {
    package static let none = BudgetLimits()
    /// What a limit on tokens may be.
    package static let tokenRange = 1...1_000_000_000_000_000

    package var tokensPerDay: Int?
    package var tokensPerMonth: Int?
    package var moneyPerDay: Money?
    package var moneyPerMonth: Money?

    package init(
        tokensPerDay: Int? = nil, tokensPerMonth: Int? = nil, moneyPerDay: Money? = nil, moneyPerMonth: Money? = nil
    ) {
        self.tokensPerDay = tokensPerDay
        self.tokensPerMonth = tokensPerMonth
        self.moneyPerDay = moneyPerDay
        self.moneyPerMonth = moneyPerMonth
    }

    package var isNone: Bool { self == .none }

    package func tokens(per kind: BudgetPeriod.Kind) -> Int? {
        kind == .day ? tokensPerDay : tokensPerMonth
    }

    package func money(per kind: BudgetPeriod.Kind) -> Money? {
        kind == .day ? moneyPerDay : moneyPerMonth
    }
}
