/// What a tenant has spent and reserved in each period.
///
/// Whatever the order of calls: as long as no call costs more than was reserved for it, spent and reserved together are
/// never above a limit, and what was reserved is always the sum of the open reservations. A call counts in the day and
/// month in which it was let in, whenever it ends.
package struct BudgetBook: Hashable, Sendable {
    /// Where one period stands.
    package struct Entry: Hashable, Sendable {
        package var reserved: BudgetAmount
        package var spent: BudgetAmount

        package init(reserved: BudgetAmount = .nothing, spent: BudgetAmount = .nothing) {
            self.reserved = reserved
            self.spent = spent
        }
    }

    /// A period that is not there has nothing reserved and nothing spent.
    package var entries: [BudgetPeriod: Entry]

    package init(entries: [BudgetPeriod: Entry] = [:]) {
        self.entries = entries
    }

    /// Where `period` stands.
    package subscript(period: BudgetPeriod) -> Entry { entries[period] ?? Entry() }

    /// Sets `amount` aside, if the limits have room for it.
    /// - Returns: why not; nil if it is reserved.
    package mutating func reserve(_ amount: BudgetAmount, under limits: BudgetLimits, at now: Timestamp)
        -> BudgetRefusal?
    {
        let periods = BudgetPeriod.all(containing: now)
        for period in periods {
            if let refusal = refusal(of: amount, in: period, under: limits) { return refusal }
        }
        for period in periods { entries[period, default: Entry()].reserved = self[period].reserved + amount }
        return nil
    }

    /// Ends a reservation and books what its call has cost.
    package mutating func settle(_ reservation: Reservation, spending cost: BudgetAmount) {
        for period in reservation.periods {
            entries[period, default: Entry()].reserved = self[period].reserved - reservation.amount
            entries[period, default: Entry()].spent = self[period].spent + cost
        }
    }

    /// Books what a call has cost for which nothing was reserved.
    package mutating func spend(_ cost: BudgetAmount, at now: Timestamp) {
        for period in BudgetPeriod.all(containing: now) {
            entries[period, default: Entry()].spent = self[period].spent + cost
        }
    }

    private func refusal(of amount: BudgetAmount, in period: BudgetPeriod, under limits: BudgetLimits) -> BudgetRefusal?
    {
        let entry = self[period]
        if let limit = limits.money(per: period.kind), entry.spent.money + entry.reserved.money + amount.money > limit {
            return BudgetRefusal(period: period, measure: .money, limits: limits, entry: entry, amount: amount)
        }
        if let limit = limits.tokens(per: period.kind),
            entry.spent.tokens + entry.reserved.tokens + amount.tokens > limit
        {
            return BudgetRefusal(period: period, measure: .tokens, limits: limits, entry: entry, amount: amount)
        }
        return nil
    }
}

/// What is set aside for one call until it ends.
package struct Reservation: Hashable, Sendable {
    package let amount: BudgetAmount
    /// Tells the day and the month that it counts in.
    package let madeAt: Timestamp

    package init(_ amount: BudgetAmount, at madeAt: Timestamp) {
        self.amount = amount
        self.madeAt = madeAt
    }

    package var periods: [BudgetPeriod] { BudgetPeriod.all(containing: madeAt) }

    /// What the end of the call counts for. Attempts that may have been billed without saying what they cost are taken to
    /// have cost as much as the one that did, or, if none did, all that was reserved.
    /// - Parameters:
    ///   - known: what attempts have said they cost; nil if none has.
    ///   - silent: attempts that may have been billed and did not say.
    package func charge(known: BudgetAmount?, silent: Int) -> BudgetAmount {
        guard let known else { return silent > 0 ? amount : .nothing }
        return known.most(known.times(1 + min(silent, 1000)).least(amount))
    }
}

/// A budget has no room for a call.
package struct BudgetRefusal: Hashable, Sendable {
    package enum Measure: Hashable, Sendable {
        case tokens, money
    }

    package let period: BudgetPeriod
    package let measure: Measure
    package let limits: BudgetLimits
    /// Where the period stood.
    package let entry: BudgetBook.Entry
    /// What the call may take.
    package let amount: BudgetAmount

    package init(
        period: BudgetPeriod, measure: Measure, limits: BudgetLimits, entry: BudgetBook.Entry, amount: BudgetAmount
    ) {
        self.period = period
        self.measure = measure
        self.limits = limits
        self.entry = entry
        self.amount = amount
    }
}
