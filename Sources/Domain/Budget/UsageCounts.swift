/// Calls to the upstream, and what they have used and cost.
package struct UsageCounts: Hashable, Sendable {
    package var requests = 0
    /// Of the requests, those that did not succeed.
    package var errors = 0
    /// Of the requests, those that may have been billed without an answer that says so.
    package var maybeBilled = 0
    /// Of the requests, those to models that are not on the price list.
    package var unpriced = 0
    package var input = 0
    package var output = 0
    package var cacheCreation = 0
    package var cacheRead = 0
    package var cost = Money.zero

    package init() {}

    /// One attempt.
    package init(_ bill: Bill, isError: Bool, isMaybeBilled: Bool) {
        requests = 1
        errors = isError ? 1 : 0
        maybeBilled = isMaybeBilled ? 1 : 0
        unpriced = bill.isPriced ? 0 : 1
        input = bill.usage?.input ?? 0
        output = bill.usage?.output ?? 0
        cacheCreation = (bill.usage?.cacheCreation ?? 0) + (bill.usage?.hourCacheCreation ?? 0)
        cacheRead = bill.usage?.cacheRead ?? 0
        cost = bill.cost
    }

    package static func + (left: UsageCounts, right: UsageCounts) -> UsageCounts {
        var sum = left
        sum.requests += right.requests
        sum.errors += right.errors
        sum.maybeBilled += right.maybeBilled
        sum.unpriced += right.unpriced
        sum.input += right.input
        sum.output += right.output
        sum.cacheCreation += right.cacheCreation
        sum.cacheRead += right.cacheRead
        sum.cost = sum.cost + right.cost
        return sum
    }

    package var tokens: Int { input + output + cacheCreation + cacheRead }
    /// What they count for in a budget.
    package var amount: BudgetAmount { BudgetAmount(tokens: tokens, money: cost) }
}

/// What usage is counted by.
package struct UsageKey: Hashable, Sendable {
    /// Keys and models of one tenant and day; what is beyond counts as the model `other`.
    package static let placesPerDay = 1000
    package static let otherModel = "other"

    package let tenant: TenantID
    /// Midnight, UTC.
    package let day: Timestamp
    /// The id of the upstream key; empty if it is not known.
    package let key: String
    /// At most as long as ``ModelName`` allows.
    package let model: String

    package init(tenant: TenantID, at instant: Timestamp, key: String?, model: String) {
        self.tenant = tenant
        day = instant.startOfDay
        self.key = key ?? ""
        self.model = ModelName.cut(model)
    }

    /// The same for the model `other`.
    package var ofOtherModel: UsageKey { UsageKey(tenant: tenant, at: day, key: key, model: Self.otherModel) }
}
