import Domain

/// Lets one operation's jobs in, or refuses them, by their tenants' limits. It changes nothing: what it has decided takes
/// effect by ``WriteContext/adopt(_:)``, once nothing else refuses the operation.
struct JobAdmission {
    /// Of the jobs that were let in under a budget, in their order.
    private(set) var reservations: [Reservation?] = []
    fileprivate private(set) var books: [Int64: BudgetBook] = [:]
    fileprivate private(set) var periods: [Int64: Set<BudgetPeriod>] = [:]
    private var queued: [Int64: Int] = [:]

    /// - Parameters:
    ///   - demand: nil if it is unknown, which no budget has room for.
    ///   - tenant: nil for one that is new, and so has no limits.
    ///   - count: jobs that come in together, all or none.
    /// - Returns: why not; nil if they are let in.
    mutating func admit(
        _ demand: BudgetAmount?, of tenant: Int64?, count: Int = 1, in context: WriteContext, at now: Timestamp
    ) throws -> AdmissionRefusal? {
        guard let tenant, let stored = try context.limits(of: tenant) else {
            reservations.append(nil)
            return nil
        }
        if let refusal = try checkQueue(of: tenant, stored.limits, count, context) { return refusal }
        let refusal = try reserve(demand, of: tenant, stored.limits.budget, context, at: now)
        if refusal == nil, let queued = queued[tenant] { self.queued[tenant] = queued + count }
        return refusal
    }

    private mutating func checkQueue(
        of tenant: Int64, _ limits: TenantLimits, _ count: Int, _ context: WriteContext
    ) throws -> AdmissionRefusal? {
        guard let limit = limits.queuedJobs else { return nil }
        let known = try queued[tenant] ?? context.queuedJobs(of: tenant)
        queued[tenant] = known
        return known + count > limit ? .queueFull(queued: known, limit: limit) : nil
    }

    private mutating func reserve(
        _ demand: BudgetAmount?, of tenant: Int64, _ limits: BudgetLimits, _ context: WriteContext, at now: Timestamp
    ) throws -> AdmissionRefusal? {
        guard !limits.isNone else {
            reservations.append(nil)
            return nil
        }
        guard let demand else { return .uncounted }
        let periods = BudgetPeriod.all(containing: now)
        var book = try context.book(of: tenant, periods)
        if let mine = books[tenant] { book.entries.merge(mine.entries) { $1 } }
        if let refusal = book.reserve(demand, under: limits, at: now) { return .budget(refusal) }
        books[tenant] = book
        self.periods[tenant, default: []].formUnion(periods)
        reservations.append(Reservation(demand, at: now))
        return nil
    }
}

extension WriteContext {
    /// What `admission` has decided takes effect.
    func adopt(_ admission: JobAdmission) {
        for (tenant, book) in admission.books {
            replaceBook(of: tenant, Array(admission.periods[tenant] ?? []), with: book)
        }
    }
}
