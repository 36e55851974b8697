import Domain
import Queue
import Synchronization

/// What the attempts of one synchronous call have used.
final class CallMeter: Sendable {
    struct Reading: Sendable {
        var usage: [UsageKey: UsageCounts] = [:]
        /// What attempts have said they cost; nil if none has.
        var known: BudgetAmount?
        /// Attempts that may have been billed and did not say.
        var silent = 0
    }

    let tenant: TenantID
    let model: String
    /// The request's own limit on its output.
    let maxTokens: Int?
    private let prices: PriceList
    private let state = Mutex(Reading())

    init(tenant: TenantID, model: String, maxTokens: Int?, prices: PriceList) {
        self.tenant = tenant
        self.model = model
        self.maxTokens = maxTokens
        self.prices = prices
    }

    var reading: Reading { state.withLock { $0 } }

    /// An attempt has ended.
    /// - Parameter key: the id of the upstream key it was sent with.
    func note(_ verdict: Verdict, key: String, usage: TokenUsage?, at now: Timestamp) {
        if case .deferred = verdict { return }  // nothing was sent
        let bill = prices.bill(usage, of: model)
        let counts = UsageCounts(bill, isError: verdict != .success, isMaybeBilled: verdict.isMaybeBilled)
        let place = UsageKey(tenant: tenant, at: now, key: key, model: model)
        state.withLock { reading in
            reading.usage[place] = (reading.usage[place] ?? UsageCounts()) + counts
            if let amount = bill.amount {
                reading.known = (reading.known ?? .nothing) + amount
            } else if verdict.isMaybeBilled || verdict == .success {
                reading.silent += 1
            }
        }
    }
}
