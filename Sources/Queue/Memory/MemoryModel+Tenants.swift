import Domain

extension MemoryModel {
    /// What the model knows of limits, budgets and usage.
    struct Tenancy: Sendable {
        var limits: [TenantID: TenantLimits] = [:]
        /// Tenants that have, or have had, a budget.
        var booked: Set<TenantID> = []
        var books: [TenantID: BudgetBook] = [:]
        /// Of jobs that were let in under a budget; open until they end.
        var reservations: [JobID: (reservation: Reservation, isOpen: Bool)] = [:]
        var calls: [String: HeldCall] = [:]
        var usage: [UsageKey: UsageCounts] = [:]
    }

    struct HeldCall: Sendable {
        let call: NewCall
        let reservation: Reservation
        var expiresAt: Timestamp
    }

    /// What the attempt that ends a job, and those before it, tell of its cost.
    struct EndingCost: Sendable {
        let known: BudgetAmount?
        let silent: Int
    }

    /// Lets jobs of one operation in; takes effect when it is assigned back.
    struct Admission {
        var books: [TenantID: BudgetBook]
        var queued: [TenantID: Int] = [:]
        var reservations: [Reservation?] = []
    }

    // MARK: Limits

    mutating func setLimits(_ limits: TenantLimits, of tenant: TenantID, at now: Timestamp) {
        _ = laneIndex(of: tenant)
        let before = tenancy.limits[tenant]?.budget ?? .none
        tenancy.limits[tenant] = limits.isNone ? nil : limits
        guard !limits.budget.isNone else { return }
        tenancy.booked.insert(tenant)
        if before.isNone { openBook(of: tenant, at: now) }
    }

    private mutating func openBook(of tenant: TenantID, at now: Timestamp) {
        for period in BudgetPeriod.all(containing: now) {
            let used = tenancy.usage.filter {
                $0.key.tenant == tenant && (period.start..<period.end).contains($0.key.day)
            }
            let spent = used.values.reduce(UsageCounts(), +)
            tenancy.books[tenant, default: BudgetBook()].entries[period] = BudgetBook.Entry(
                reserved: openReservations(of: tenant, in: period),
                spent: BudgetAmount(tokens: spent.tokens, money: spent.cost))
        }
    }

    private func openReservations(of tenant: TenantID, in period: BudgetPeriod) -> BudgetAmount {
        let ofJobs = tenancy.reservations.filter { id, held in
            held.isOpen && rows[id].map { jobs[$0].new.tenant == tenant } ?? false
        }.map(\.value.reservation)
        let ofCalls = tenancy.calls.values.filter { $0.call.tenant == tenant }.map(\.reservation)
        let ofBatches = batches.filter { $0.new.tenant == tenant }.compactMap { batch in
            batch.reservedAt.map { Reservation(batch.demand ?? .nothing, at: $0) }
        }
        return (ofJobs + ofCalls + ofBatches).filter { $0.periods.contains(period) }.reduce(.nothing) { $0 + $1.amount }
    }

    func budget(of tenant: TenantID, at now: Timestamp) -> BudgetBook {
        guard tenancy.limits[tenant]?.budget.isNone == false, let book = tenancy.books[tenant] else {
            return BudgetBook()
        }
        let periods = BudgetPeriod.all(containing: now)
        return BudgetBook(entries: Dictionary(uniqueKeysWithValues: periods.map { ($0, book[$0]) }))
    }

    // MARK: Jobs

    func beginAdmission() -> Admission {
        Admission(books: tenancy.books)
    }

    /// - Returns: why not; nil if it is let in.
    func admit(
        _ demand: BudgetAmount?, of tenant: TenantID, count: Int = 1, _ admission: inout Admission, at now: Timestamp
    ) -> AdmissionRefusal? {
        let limits = tenancy.limits[tenant] ?? .none
        let queued = admission.queued[tenant] ?? queuedJobs(of: tenant)
        if let limit = limits.queuedJobs, queued + count > limit { return .queueFull(queued: queued, limit: limit) }
        if limits.budget.isNone {
            admission.reservations.append(nil)
        } else {
            guard let demand else { return .uncounted }
            if let refusal = admission.books[tenant, default: BudgetBook()]
                .reserve(demand, under: limits.budget, at: now)
            {
                return .budget(refusal)
            }
            admission.reservations.append(Reservation(demand, at: now))
        }
        admission.queued[tenant] = queued + count
        return nil
    }

    private func queuedJobs(of tenant: TenantID) -> Int {
        let staged = batches.filter { $0.phase == .open && $0.new.tenant == tenant }
        return jobs.count { $0.new.tenant == tenant && !$0.isDeleted && $0.life.state == .queued }
            + staged.reduce(0) { $0 + $1.staged.count }
    }

    mutating func hold(_ reservation: Reservation?, for job: JobID) {
        if let reservation { tenancy.reservations[job] = (reservation, true) }
    }

    mutating func settleReservation(of job: Job, at now: Timestamp) {
        let tenant = job.new.tenant
        guard tenancy.booked.contains(tenant) else { return }
        let ending = job.ending ?? EndingCost(known: nil, silent: job.chargedAttempts)
        if let held = tenancy.reservations[job.new.id], held.isOpen {
            tenancy.reservations[job.new.id]?.isOpen = false
            let cost = held.reservation.charge(known: ending.known, silent: ending.silent)
            tenancy.books[tenant, default: BudgetBook()].settle(held.reservation, spending: cost)
        } else if let known = ending.known {
            tenancy.books[tenant, default: BudgetBook()].spend(known, at: now)
        }
    }

    mutating func spend(_ cost: BudgetAmount?, of tenant: TenantID, at now: Timestamp) {
        guard let cost, tenancy.booked.contains(tenant) else { return }
        tenancy.books[tenant, default: BudgetBook()].spend(cost, at: now)
    }

    // MARK: Synchronous calls

    mutating func reserveCall(_ call: NewCall, at now: Timestamp) -> CallReservation {
        let limits = tenancy.limits[call.tenant]?.budget ?? .none
        guard !limits.isNone else { return .unlimited }
        if let refusal = tenancy.books[call.tenant, default: BudgetBook()].reserve(call.demand, under: limits, at: now)
        {
            return .refused(.budget(refusal))
        }
        tenancy.calls[call.id] = HeldCall(
            call: call, reservation: Reservation(call.demand, at: now), expiresAt: now.advanced(by: call.life))
        return .reserved
    }

    /// - Returns: whether it had not ended before.
    @discardableResult
    mutating func endCall(_ id: String, known: BudgetAmount?, silent: Int) -> Bool {
        guard let held = tenancy.calls.removeValue(forKey: id) else { return false }
        let cost = held.reservation.charge(known: known, silent: silent)
        tenancy.books[held.call.tenant, default: BudgetBook()].settle(held.reservation, spending: cost)
        return true
    }

    mutating func renewCalls(_ ids: Set<String>, of holder: String, until end: Timestamp) {
        for id in ids where tenancy.calls[id]?.call.holder == holder {
            tenancy.calls[id]?.expiresAt = end
        }
    }

    mutating func reapCalls(limit: Int, at now: Timestamp) -> Int {
        let lost = tenancy.calls.values.filter { $0.expiresAt <= now }
            .sorted { ($0.expiresAt, $0.call.id) < ($1.expiresAt, $1.call.id) }.prefix(max(limit, 0))
        for held in lost {
            addLostUsage(of: held.call.tenant, model: held.call.model, at: now)
            endCall(held.call.id, known: nil, silent: 1)
        }
        return lost.count
    }

    // MARK: Usage

    mutating func addUsage(_ counts: UsageCounts, at key: UsageKey) {
        let places = tenancy.usage.keys.count { $0.tenant == key.tenant && $0.day == key.day }
        let isFull = tenancy.usage[key] == nil && places >= UsageKey.placesPerDay
        let place = isFull ? key.ofOtherModel : key
        tenancy.usage[place] = (tenancy.usage[place] ?? UsageCounts()) + counts
    }

    mutating func addUsage(of settlement: Settlement, tenant: TenantID) {
        guard let bill = settlement.bill else { return }
        let record = settlement.attempt
        addUsage(
            UsageCounts(bill, isError: record.verdict != Verdict.success.code, isMaybeBilled: record.maybeBilled),
            at: UsageKey(tenant: tenant, at: record.endedAt, key: record.key, model: bill.model))
    }

    mutating func addLostUsage(of tenant: TenantID, model: String, at now: Timestamp) {
        let bill = Bill(model: model, usage: nil, cost: .zero, isPriced: true)
        addUsage(
            UsageCounts(bill, isError: true, isMaybeBilled: true),
            at: UsageKey(tenant: tenant, at: now, key: nil, model: model))
    }

    func usage(_ query: UsageQuery) throws(JobStoreError) -> [UsageRow] {
        let by = query.dimensions
        let since = query.since?.startOfDay ?? Timestamp(microseconds: .min)
        let until = query.until?.startOfDay ?? Timestamp(microseconds: .max)
        let wanted = tenancy.usage.filter { key, _ in
            (query.tenant.map { $0 == key.tenant } ?? true) && key.day >= since && key.day < until
        }
        let rows = wanted.map { key, counts in
            UsageRow(
                tenant: by.contains(.tenant) ? key.tenant : nil, day: by.contains(.day) ? key.day : nil,
                key: by.contains(.key) ? key.key : nil, model: by.contains(.model) ? key.model : nil, counts: counts)
        }
        let sums = Dictionary(grouping: rows, by: \.place).values.compactMap { same in
            same.first.map {
                UsageRow(
                    tenant: $0.tenant, day: $0.day, key: $0.key, model: $0.model,
                    counts: same.map(\.counts).reduce(UsageCounts(), +))
            }
        }
        guard sums.count <= UsageQuery.limit else { throw .tooMany(limit: UsageQuery.limit) }
        return sums.sorted { $0.place.lexicographicallyPrecedes($1.place) }
    }
}

extension UsageRow {
    /// What it is grouped by, in the order of rows.
    fileprivate var place: [String] {
        [tenant?.text ?? "", day?.rfc3339 ?? "", key ?? "", model ?? ""]
    }
}
