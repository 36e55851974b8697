import Domain

/// What one transaction has read and changed of limits, budgets and usage.
struct TenancyChanges {
    /// nil for a tenant that has never had limits.
    var limits: [Int64: StoredLimits?] = [:]
    var books: [Int64: BudgetBook] = [:]
    /// Of which periods the books are not what is stored.
    var changed: Set<TenantPeriod> = []
    var usage: [UsagePlace: UsageCounts] = [:]
}

/// A tenant's limits as they are stored.
struct StoredLimits {
    let limits: TenantLimits
    /// Whether the tenant has, or has had, a budget: there may be reservations.
    let isBooked: Bool
}

struct TenantPeriod: Hashable {
    let tenant: Int64
    let period: BudgetPeriod
}

struct UsagePlace: Hashable {
    let tenant: Int64
    let key: UsageKey
}

extension WriteContext {
    // MARK: Limits

    /// One look a tenant and transaction.
    func limits(of tenant: Int64) throws -> StoredLimits? {
        if let known = tenancy.limits[tenant] { return known }
        let stored = try connection.storedLimits(of: tenant)
        tenancy.limits[tenant] = .some(stored)
        return stored
    }

    func isBooked(_ tenant: Int64) throws -> Bool {
        try limits(of: tenant)?.isBooked ?? false
    }

    // MARK: Books

    /// The tenant's book, with `periods` in it.
    func book(of tenant: Int64, _ periods: [BudgetPeriod]) throws -> BudgetBook {
        var book = tenancy.books[tenant] ?? BudgetBook()
        for period in periods where book.entries[period] == nil {
            book.entries[period] = try connection.storedEntry(of: tenant, period) ?? BudgetBook.Entry()
        }
        tenancy.books[tenant] = book
        return book
    }

    /// - Parameter periods: those that `change` touches.
    func changeBook(of tenant: Int64, _ periods: [BudgetPeriod], _ change: (inout BudgetBook) -> Void) throws {
        var book = try book(of: tenant, periods)
        change(&book)
        replaceBook(of: tenant, periods, with: book)
    }

    func replaceBook(of tenant: Int64, _ periods: [BudgetPeriod], with book: BudgetBook) {
        tenancy.books[tenant] = book
        for period in periods { tenancy.changed.insert(TenantPeriod(tenant: tenant, period: period)) }
    }

    // MARK: Reservations of jobs

    /// Keeps what was reserved for a new job.
    func hold(_ reservation: Reservation, for job: Int64, of tenant: Int64) throws {
        try connection.execute(
            "INSERT INTO reservations (job, tenant, made_at, tokens, money, open) VALUES (?, ?, ?, ?, ?, 1)",
            job, tenant, reservation.madeAt, reservation.amount.tokens, reservation.amount.money)
    }

    /// Settles what was reserved for a job that has just ended.
    func settleReservation(of job: OpenJob, at now: Timestamp) throws {
        guard try isBooked(job.tenant) else { return }
        let reservation = try connection.first(
            "UPDATE reservations SET open = 0 WHERE job = ? AND open = 1 RETURNING made_at, tokens, money", job.row,
            read: Reservation.init(stored:))
        if let reservation {
            let cost = reservation.charge(known: job.cost, silent: job.charged + (job.isSilent ? 1 : 0))
            try changeBook(of: job.tenant, reservation.periods) { $0.settle(reservation, spending: cost) }
        } else if let cost = job.cost {
            try spend(cost, of: job.tenant, at: now)
        }
    }

    /// Books what an attempt has cost for which nothing was reserved, or after which its job goes on.
    func spend(_ cost: BudgetAmount, of tenant: Int64, at now: Timestamp) throws {
        guard try isBooked(tenant) else { return }
        try changeBook(of: tenant, BudgetPeriod.all(containing: now)) { $0.spend(cost, at: now) }
    }

    // MARK: Usage

    func addUsage(_ counts: UsageCounts, at key: UsageKey, of tenant: Int64) {
        let place = UsagePlace(tenant: tenant, key: key)
        tenancy.usage[place] = (tenancy.usage[place] ?? UsageCounts()) + counts
    }

    /// Books an attempt at a job.
    func addUsage(of settlement: Settlement, of tenant: Int64) throws {
        guard let bill = settlement.bill else { return }
        let record = settlement.attempt
        let counts = UsageCounts(
            bill, isError: record.verdict != Verdict.success.code, isMaybeBilled: record.maybeBilled)
        let key = UsageKey(
            tenant: try name(of: tenant), at: record.endedAt, key: record.key, model: bill.model)
        addUsage(counts, at: key, of: tenant)
    }

    /// Books an attempt of which nothing is known but that there may have been one.
    func addLostUsage(model: String, of tenant: Int64, at now: Timestamp) throws {
        let bill = Bill(model: model, usage: nil, cost: .zero, isPriced: true)
        addUsage(
            UsageCounts(bill, isError: true, isMaybeBilled: true),
            at: UsageKey(tenant: try name(of: tenant), at: now, key: nil, model: model), of: tenant)
    }

    // MARK: Writing

    /// Writes what has changed, before the commit.
    func flushTenancy() throws {
        for changed in tenancy.changed {
            try write(tenancy.books[changed.tenant]?[changed.period] ?? BudgetBook.Entry(), as: changed)
        }
        for (place, counts) in tenancy.usage { try write(counts, at: place) }
        tenancy.changed = []
        tenancy.usage = [:]
    }

    private func write(_ entry: BudgetBook.Entry, as changed: TenantPeriod) throws {
        try connection.execute(
            """
            INSERT OR REPLACE INTO budgets (tenant, kind, start, reserved_tokens, reserved_money, spent_tokens,
                spent_money)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            changed.tenant, changed.period.kind.rawValue, changed.period.start, entry.reserved.tokens,
            entry.reserved.money, entry.spent.tokens, entry.spent.money)
    }

    private func write(_ counts: UsageCounts, at place: UsagePlace) throws {
        guard try !add(counts, at: place) else { return }
        let places = try connection.first(
            "SELECT count(*) FROM usage WHERE tenant = ? AND day = ?", place.tenant, place.key.day
        ) { $0.int(0) }
        let isFull = (places ?? 0) >= UsageKey.placesPerDay
        let key = isFull ? place.key.ofOtherModel : place.key
        if isFull, try add(counts, at: UsagePlace(tenant: place.tenant, key: key)) { return }
        try connection.execute(
            """
            INSERT INTO usage (tenant, day, key, model, requests, errors, maybe_billed, unpriced, input, output,
                cache_creation, cache_read, cost)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            place.tenant, key.day, key.key, key.model, counts.requests, counts.errors, counts.maybeBilled,
            counts.unpriced, counts.input, counts.output, counts.cacheCreation, counts.cacheRead, counts.cost)
    }

    /// - Returns: whether the row was there.
    private func add(_ counts: UsageCounts, at place: UsagePlace) throws -> Bool {
        try connection.execute(
            """
            UPDATE usage SET requests = requests + ?, errors = errors + ?, maybe_billed = maybe_billed + ?,
                unpriced = unpriced + ?, input = input + ?, output = output + ?, cache_creation = cache_creation + ?,
                cache_read = cache_read + ?, cost = cost + ?
            WHERE tenant = ? AND day = ? AND key = ? AND model = ?
            """,
            counts.requests, counts.errors, counts.maybeBilled, counts.unpriced, counts.input, counts.output,
            counts.cacheCreation, counts.cacheRead, counts.cost, place.tenant, place.key.day, place.key.key,
            place.key.model) > 0
    }
}

extension SQLiteConnection {
    func storedLimits(of tenant: Int64) throws -> StoredLimits? {
        try first(
            """
            SELECT requests_per_second, concurrency, queued_jobs, body_bytes, models, tokens_per_day, tokens_per_month,
                money_per_day, money_per_month, booked
            FROM tenant_limits WHERE tenant = ? LIMIT 1
            """, tenant
        ) { StoredLimits(limits: try TenantLimits(stored: $0), isBooked: $0.bool(9)) }
    }

    func storedEntry(of tenant: Int64, _ period: BudgetPeriod) throws -> BudgetBook.Entry? {
        try first(
            """
            SELECT reserved_tokens, reserved_money, spent_tokens, spent_money FROM budgets
            WHERE tenant = ? AND kind = ? AND start = ? LIMIT 1
            """, tenant, period.kind.rawValue, period.start
        ) {
            BudgetBook.Entry(
                reserved: BudgetAmount(tokens: $0.int(0), money: Money(microdollars: $0.int(1))),
                spent: BudgetAmount(tokens: $0.int(2), money: Money(microdollars: $0.int(3))))
        }
    }
}

extension TenantLimits {
    /// Reads `requests_per_second, concurrency, queued_jobs, body_bytes, models, tokens_per_day, tokens_per_month,
    /// money_per_day, money_per_month`.
    init(stored row: SQLiteRow) throws {
        self.init()
        requestsPerSecond = row.optionalReal(0)
        concurrency = row.optionalInt(1)
        queuedJobs = row.optionalInt(2)
        bodyBytes = row.optionalInt(3)
        if let text = row.optionalText(4) {
            guard let allowance = ModelAllowance(text: text) else {
                throw DamagedValue(description: "damaged file: '\(text)' is no list of models")
            }
            models = allowance
        }
        budget = BudgetLimits(
            tokensPerDay: row.optionalInt(5), tokensPerMonth: row.optionalInt(6),
            moneyPerDay: row.optionalInt(7).map(Money.init(microdollars:)),
            moneyPerMonth: row.optionalInt(8).map(Money.init(microdollars:)))
    }
}

extension Reservation {
    /// Reads `made_at, tokens, money`.
    init(stored row: SQLiteRow) {
        self.init(BudgetAmount(tokens: row.int(1), money: Money(microdollars: row.int(2))), at: row.time(0))
    }
}

extension Money: SQLiteBindable {
    func bind(to statement: OpaquePointer, at index: Int32) -> Int32 {
        microdollars.bind(to: statement, at: index)
    }
}
