import Domain
import Queue

/// Lets requests and synchronous calls in by their tenants' limits, exactly over all processes of a store: requests and
/// calls under way are counted in the pacing ledger, budgets in the store.
struct TenantGate: Sendable {
    /// A reservation holds for so long without renewal: what a killed process has reserved is settled by then.
    static let callLife = Duration.seconds(60)

    let directory: TenantDirectory
    let store: any TenantStore
    let ledger: any PacingLedger
    let prices: PriceBook
    let wall: any WallClock
    /// This process, as the ledger and the store know it.
    let holder: String

    func limits(of tenant: TenantID) -> TenantLimits { directory.limits(of: tenant) }

    /// Reads the limits anew, rather than within a second.
    func lookAtLimits() async throws(RelayError) {
        do { try await directory.readLimits() } catch { throw RelayError(error) }
    }

    // MARK: Requests

    /// - Throws: `tenant_rate_limited`.
    func admitRequest(of tenant: TenantID) async throws(RelayError) {
        guard let rate = limits(of: tenant).requestsPerSecond,
            let flow = TokenRate(tokensPerMinute: rate * 60)
        else { return }
        // A request is a token here: tokens may come a second's worth at once, where starts would have to be spaced.
        let demand = ScopeDemand(scope: .requests(of: tenant), limits: PacingLimits(input: flow))
        let now = wall.now()
        if case .none(let until) = try await take(demand, at: now) {
            throw .tenantRateLimited(rate, retryAfter: max(.milliseconds(1), until.duration(since: now)))
        }
    }

    private func take(_ demand: ScopeDemand, at now: Timestamp) async throws(RelayError) -> SlotOffer {
        var style = PacingStyle()
        style.tokenBurst = .seconds(1)
        let request = SlotRequest(
            [demand], limit: 1, cost: TokenCost(input: 1, output: 0), urgency: .interactive, horizon: .zero,
            holder: holder, style: style)
        do {
            return try await ledger.takeSlots(request, at: now)
        } catch {
            throw RelayError(JobStoreError.unavailable(detail: "\(error)"))
        }
    }

    // MARK: Calls

    /// Runs `call` if the tenant's limits have room for it, and settles what it has used however it ends.
    /// - Parameters:
    ///   - id: of its own.
    /// - Throws: `tenant_concurrency`, `budget_exhausted`, or what `call` throws.
    func run<Value>(
        _ id: String, _ meter: CallMeter, body: [UInt8], _ call: () async throws -> Value
    ) async throws -> Value {
        let limits = limits(of: meter.tenant)
        let slot = try await takeCall(limits, meter.tenant)
        let isReserved: Bool
        do {
            isReserved = try await reserve(id, meter, limits, body)
        } catch {
            await giveBack(slot)
            throw error
        }
        do {
            let value = try await call()
            await end(id, meter, slot, isReserved)
            return value
        } catch {
            await end(id, meter, slot, isReserved)
            throw error
        }
    }

    private func takeCall(_ limits: TenantLimits, _ tenant: TenantID) async throws(RelayError) -> SlotBlock? {
        guard let most = limits.concurrency else { return nil }
        let demand = ScopeDemand(scope: .calls(of: tenant), limits: PacingLimits(concurrency: most))
        guard case .slots(let block) = try await take(demand, at: wall.now()) else { throw .tenantConcurrency(most) }
        return block
    }

    /// - Returns: whether something was reserved.
    private func reserve(
        _ id: String, _ meter: CallMeter, _ limits: TenantLimits, _ body: [UInt8]
    ) async throws(RelayError) -> Bool {
        guard let demand = limits.demand(of: meter.model, body, maxTokens: meter.maxTokens, at: prices.list) else {
            return false
        }
        let call = NewCall(
            id: id, tenant: meter.tenant, model: meter.model, demand: demand, holder: holder, life: Self.callLife)
        let now = wall.now()
        let answer = try await asking { store throws(JobStoreError) in try await store.reserveCall(call, at: now) }
        switch answer {
        case .reserved: directory.open(id)
        case .unlimited: return false
        case .refused(let refusal): throw RelayError(refusal, at: now)
        }
        return true
    }

    private func end(_ id: String, _ meter: CallMeter, _ slot: SlotBlock?, _ isReserved: Bool) async {
        await giveBack(slot)
        let reading = meter.reading
        guard isReserved else { return directory.add(reading.usage) }
        await directory.settle(
            CallSettlement(id: id, usage: reading.usage, known: reading.known, silent: reading.silent))
    }

    private func giveBack(_ slot: SlotBlock?) async {
        guard let slot else { return }
        // If the ledger cannot be written, its process' next taking or renewal there says that the call is over.
        try? await ledger.settle(0, of: slot, cost: nil, by: holder, at: wall.now())
    }

    /// Runs `work` on the store and says its errors in the words of the API.
    func asking<Value>(
        _ work: (any TenantStore) async throws(JobStoreError) -> Value
    ) async throws(RelayError) -> Value {
        do {
            return try await work(store)
        } catch {
            throw RelayError(error)
        }
    }
}

extension TenantLimits {
    /// - Throws: `model_not_allowed`.
    func check(_ model: String) throws(RelayError) {
        if let models, !models.allows(model) { throw .modelNotAllowed(model, models) }
    }

    /// What a request may take from the tenant's budgets; nil, without a look at it, if it has none.
    func demand(of model: String, _ body: [UInt8], maxTokens: Int?, at prices: PriceList) -> BudgetAmount? {
        budget.isNone ? nil : prices.demand(of: model, body, maxTokens: maxTokens)
    }

    /// The stricter of the tenant's limit and the relay's.
    func bodyLimit(within limit: Int) -> Int { min(limit, bodyBytes ?? limit) }
}
