extension RelayError {
    /// A tenant's limit on requests is met until `delay` has passed.
    package static func tenantRateLimited(_ limit: Double, retryAfter delay: Duration) -> RelayError {
        RelayError(
            .tenantRateLimited, "The tenant sends more than its \(limit.plainText) requests a second.",
            remedy: "Retry after the delay, or have the operator raise it (relay tenants set --rps).",
            retryAfter: delay)
    }

    /// As many calls as `limit` allows are under way.
    package static func tenantConcurrency(_ limit: Int) -> RelayError {
        RelayError(
            .tenantConcurrency, "The tenant has \(limit) synchronous calls under way; that is its limit.",
            remedy: "Retry after the delay, or submit the call as a job.", retryAfter: .seconds(1))
    }

    /// - Parameter model: nil if it cannot be told.
    package static func modelNotAllowed(_ model: String?, _ allowed: ModelAllowance) -> RelayError {
        let met = model.map { "The model is '\($0.prefix(100))'" } ?? "The request's model cannot be told"
        return RelayError(
            .modelNotAllowed, "\(met); the tenant may call \(allowed.patterns.map(\.text).joined(separator: ", ")).",
            remedy: "Call one of these, or have the operator allow more (relay tenants set --models).")
    }

    /// What cannot be read cannot be counted.
    package static let callNotCountable = RelayError(
        .modelNotAllowed,
        "What this request costs cannot be told before it is sent, and the tenant has a budget or a list of models.",
        remedy: "Send a Messages body without Content-Encoding to /v1/messages, or submit it as a job.")

    package init(_ refusal: AdmissionRefusal, at now: Timestamp) {
        switch refusal {
        case .queueFull(let queued, let limit):
            self.init(
                .tenantQueueFull, "The tenant has \(queued) jobs waiting; its limit is \(limit).",
                remedy: "Submit again after the delay, or have the operator raise it (relay tenants set --queued).",
                retryAfter: .seconds(5))
        case .budget(let refusal): self = refusal.error(at: now)
        case .uncounted:
            self.init(
                .budgetExhausted,
                "The tenant was given a budget while this was being received, so what it may cost was not counted.",
                remedy: "Send it again after the delay.", retryAfter: .seconds(2))
        case .modelNotAllowed(let model, let allowed): self = .modelNotAllowed(model, allowed)
        case .tooLarge(let bytes, let limit):
            self.init(
                .bodyTooLarge, "The body has \(bytes) bytes; the limit is \(limit).",
                remedy: "Send less, or have the operator raise it (relay tenants set --body).")
        }
    }
}

extension BudgetRefusal {
    fileprivate func error(at now: Timestamp) -> RelayError {
        RelayError(
            .budgetExhausted,
            """
            The tenant's budget for the \(period.words) is \(limitWords); \(words(of: entry.spent)) are spent, \
            \(words(of: entry.reserved)) are reserved, and this may take up to \(words(of: amount)).
            """,
            remedy: remedy, retryAfter: delay(at: now), isFinal: isHopeless)
    }

    /// Whether it would not fit into an unspent period.
    private var isHopeless: Bool { exceeds(amount) }

    /// What is reserved may be given back soon; what is spent stays so until the period ends.
    private func delay(at now: Timestamp) -> Duration? {
        guard !isHopeless else { return nil }
        return exceeds(entry.spent + amount) ? max(.seconds(1), period.end.duration(since: now)) : .seconds(5)
    }

    private var remedy: String {
        isHopeless
            ? "Ask for fewer tokens (max_tokens), or have the operator raise the budget (relay tenants set)."
            : "Retry after the delay, or have the operator raise the budget (relay tenants set)."
    }

    private func exceeds(_ sum: BudgetAmount) -> Bool {
        switch measure {
        case .money: limits.money(per: period.kind).map { sum.money > $0 } ?? false
        case .tokens: limits.tokens(per: period.kind).map { sum.tokens > $0 } ?? false
        }
    }

    private var limitWords: String {
        switch measure {
        case .money: limits.money(per: period.kind).map(\.description) ?? "unlimited"
        case .tokens: limits.tokens(per: period.kind).map { "\($0) tokens" } ?? "unlimited"
        }
    }

    private func words(of amount: BudgetAmount) -> String {
        measure == .money ? amount.money.description : "\(amount.tokens) tokens"
    }
}
