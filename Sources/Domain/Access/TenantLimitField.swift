/// One limit of a tenant as operators name and write it: in the API, on the command line, in tables.
package enum TenantLimitField: String, Hashable, Sendable, CaseIterable {
    case requestsPerSecond = "requests_per_second"
    case concurrency
    case queuedJobs = "queued_jobs"
    case bodyBytes = "body_bytes"
    case models
    case tokensPerDay = "tokens_per_day"
    case tokensPerMonth = "tokens_per_month"
    case moneyPerDay = "usd_per_day"
    case moneyPerMonth = "usd_per_month"

    /// What is allowed, for messages to people.
    package var rule: String {
        switch self {
        case .requestsPerSecond:
            "a number from \(TenantLimits.rates.lowerBound.plainText) to \(TenantLimits.rates.upperBound.plainText)"
        case .concurrency, .queuedJobs, .bodyBytes:
            "a whole number from \(TenantLimits.counts.lowerBound) to \(TenantLimits.counts.upperBound)"
        case .models: ModelPattern.rule
        case .tokensPerDay, .tokensPerMonth:
            "a whole number from \(BudgetLimits.tokenRange.lowerBound) to \(BudgetLimits.tokenRange.upperBound)"
        case .moneyPerDay, .moneyPerMonth: Money.rule
        }
    }

    /// Sets the limit to what `text` says; nil removes it. - Returns: whether that is allowed.
    package func set(_ text: String?, in limits: inout TenantLimits) -> Bool {
        switch self {
        case .requestsPerSecond:
            Self.put(text, in: &limits.requestsPerSecond) {
                Double($0).flatMap { TenantLimits.rates.contains($0) ? $0 : nil }
            }
        case .concurrency: Self.put(text, in: &limits.concurrency, Self.count)
        case .queuedJobs: Self.put(text, in: &limits.queuedJobs, Self.count)
        case .bodyBytes: Self.put(text, in: &limits.bodyBytes, Self.count)
        case .models: Self.put(text, in: &limits.models) { ModelAllowance(text: $0) }
        case .tokensPerDay: Self.put(text, in: &limits.budget.tokensPerDay, Self.tokens)
        case .tokensPerMonth: Self.put(text, in: &limits.budget.tokensPerMonth, Self.tokens)
        case .moneyPerDay: Self.put(text, in: &limits.budget.moneyPerDay) { Money(dollars: $0) }
        case .moneyPerMonth: Self.put(text, in: &limits.budget.moneyPerMonth) { Money(dollars: $0) }
        }
    }

    /// As ``set(_:in:)`` reads it; nil if there is no such limit.
    package func text(in limits: TenantLimits) -> String? {
        switch self {
        case .requestsPerSecond: limits.requestsPerSecond?.plainText
        case .concurrency: limits.concurrency.map(String.init)
        case .queuedJobs: limits.queuedJobs.map(String.init)
        case .bodyBytes: limits.bodyBytes.map(String.init)
        case .models: limits.models?.text
        case .tokensPerDay: limits.budget.tokensPerDay.map(String.init)
        case .tokensPerMonth: limits.budget.tokensPerMonth.map(String.init)
        case .moneyPerDay: limits.budget.moneyPerDay?.dollars
        case .moneyPerMonth: limits.budget.moneyPerMonth?.dollars
        }
    }

    private static func put<Value>(_ text: String?, in place: inout Value?, _ read: (String) -> Value?) -> Bool {
        let value = text.flatMap(read)
        guard text == nil || value != nil else { return false }
        place = value
        return true
    }

    private static func count(_ text: String) -> Int? {
        Int(text).flatMap { TenantLimits.counts.contains($0) ? $0 : nil }
    }

    private static func tokens(_ text: String) -> Int? {
        Int(text).flatMap { BudgetLimits.tokenRange.contains($0) ? $0 : nil }
    }
}

extension TenantLimits {
    /// All that is limited, for people.
    package var words: String {
        let named = TenantLimitField.allCases.compactMap { field in
            field.text(in: self).map { "\(field.rawValue) \($0)" }
        }
        return named.isEmpty ? "no limits" : named.joined(separator: ", ")
    }
}
