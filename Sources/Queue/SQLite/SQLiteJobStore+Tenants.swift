package import Domain

extension SQLiteJobStore: TenantStore {
    package func changeLimits(
        of tenant: TenantID, at now: Timestamp, _ change: @escaping @Sendable (inout TenantLimits) -> Void
    ) async throws(JobStoreError) -> TenantLimits {
        try await writer.perform { context in
            let number = try context.numberMakingTenant(tenant.text)
            let before = try context.limits(of: number)
            var limits = before?.limits ?? .none
            change(&limits)
            try context.store(limits, of: number, isBooked: before?.isBooked == true || !limits.budget.isNone)
            try context.audit(.tenantLimitsSet, tenant.text, limits.words)
            context.tenancy.limits[number] = nil
            if before?.limits.budget.isNone ?? true, !limits.budget.isNone {
                try context.openBook(of: number, at: now)
            }
            return limits
        }
    }

    package func limits() async throws(JobStoreError) -> [TenantID: TenantLimits] {
        try await read { connection in
            let found = try connection.all(
                """
                SELECT requests_per_second, concurrency, queued_jobs, body_bytes, models, tokens_per_day,
                    tokens_per_month, money_per_day, money_per_month, name
                FROM tenant_limits l JOIN tenants t ON t.number = l.tenant
                """
            ) { (try TenantID(stored: $0.text(9)), try TenantLimits(stored: $0)) }
            return Dictionary(found.filter { !$0.1.isNone }) { first, _ in first }
        }
    }

    package func budget(of tenant: TenantID, at now: Timestamp) async throws(JobStoreError) -> BudgetBook {
        try await read { connection in
            let number = try connection.first(
                "SELECT number FROM tenants WHERE name = ? LIMIT 1", tenant.text
            ) { $0.int64(0) }
            guard let number, try !(connection.storedLimits(of: number)?.limits.budget.isNone ?? true) else {
                return BudgetBook()
            }
            var book = BudgetBook()
            for period in BudgetPeriod.all(containing: now) {
                book.entries[period] = try connection.storedEntry(of: number, period) ?? BudgetBook.Entry()
            }
            return book
        }
    }

    // MARK: Synchronous calls

    package func reserveCall(
        _ call: NewCall, at now: Timestamp
    ) async throws(JobStoreError) -> CallReservation {
        try await writer.perform { context in
            guard let tenant = try context.number(of: call.tenant.text),
                let limits = try context.limits(of: tenant)?.limits.budget, !limits.isNone
            else { return .unlimited }
            let periods = BudgetPeriod.all(containing: now)
            var book = try context.book(of: tenant, periods)
            if let refusal = book.reserve(call.demand, under: limits, at: now) { return .refused(.budget(refusal)) }
            try context.hold(call, of: tenant, at: now)
            context.replaceBook(of: tenant, periods, with: book)
            return .reserved
        }
    }

    package func settleCall(_ settlement: CallSettlement) async throws(JobStoreError) {
        try await writer.perform(isVital: true) { context in
            let isOpen = try context.endCall(settlement.id, known: settlement.known, silent: settlement.silent)
            guard isOpen else { return }
            for (key, counts) in settlement.usage {
                context.addUsage(counts, at: key, of: try context.numberMakingTenant(key.tenant.text))
            }
        }
    }

    package func renewCalls(
        _ ids: Set<String>, of holder: String, for life: Duration, at now: Timestamp
    ) async throws(JobStoreError) {
        guard !ids.isEmpty else { return }
        let end = now.advanced(by: life)
        try await writer.perform(isVital: true) { context in
            for id in ids {
                try context.connection.execute(
                    "UPDATE call_reservations SET expires_at = ? WHERE id = ? AND holder = ?", end, id, holder)
            }
        }
    }

    // MARK: Usage

    package func addUsage(_ usage: [UsageKey: UsageCounts]) async throws(JobStoreError) {
        guard !usage.isEmpty else { return }
        try await writer.perform(isVital: true) { context in
            for (key, counts) in usage {
                let tenant = try context.numberMakingTenant(key.tenant.text)
                context.addUsage(counts, at: key, of: tenant)
                try context.spend(counts.amount, of: tenant, at: key.day)
            }
        }
    }

    package func usage(_ query: UsageQuery) async throws(JobStoreError) -> [UsageRow] {
        let rows = try await read { try $0.usage(query) }
        guard rows.count <= UsageQuery.limit else { throw .tooMany(limit: UsageQuery.limit) }
        return rows
    }
}

extension WriteContext {
    fileprivate func store(_ limits: TenantLimits, of tenant: Int64, isBooked: Bool) throws {
        try connection.execute(
            """
            INSERT OR REPLACE INTO tenant_limits (tenant, requests_per_second, concurrency, queued_jobs, body_bytes,
                models, tokens_per_day, tokens_per_month, money_per_day, money_per_month, booked)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            tenant, limits.requestsPerSecond, limits.concurrency, limits.queuedJobs, limits.bodyBytes,
            limits.models?.text, limits.budget.tokensPerDay, limits.budget.tokensPerMonth,
            limits.budget.moneyPerDay, limits.budget.moneyPerMonth, isBooked)
    }

    /// A budget is new: it counts what was used before in its periods, and what is reserved from an earlier one.
    fileprivate func openBook(of tenant: Int64, at now: Timestamp) throws {
        try flushTenancy()
        let periods = BudgetPeriod.all(containing: now)
        var book = BudgetBook()
        for period in periods {
            book.entries[period] = BudgetBook.Entry(
                reserved: try connection.openReservations(of: tenant, in: period),
                spent: try connection.used(by: tenant, in: period))
        }
        replaceBook(of: tenant, periods, with: book)
    }

    fileprivate func hold(_ call: NewCall, of tenant: Int64, at now: Timestamp) throws {
        try connection.execute(
            """
            INSERT INTO call_reservations (id, tenant, model, made_at, tokens, money, holder, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            call.id, tenant, call.model, now, call.demand.tokens, call.demand.money, call.holder,
            now.advanced(by: call.life))
    }

    /// - Returns: whether it had not ended before.
    @discardableResult
    fileprivate func endCall(_ id: String, known: BudgetAmount?, silent: Int) throws -> Bool {
        let ended = try connection.first(
            "DELETE FROM call_reservations WHERE id = ? RETURNING made_at, tokens, money, tenant", id
        ) { (Reservation(stored: $0), $0.int64(3)) }
        guard let (reservation, tenant) = ended else { return false }
        let cost = reservation.charge(known: known, silent: silent)
        try changeBook(of: tenant, reservation.periods) { $0.settle(reservation, spending: cost) }
        return true
    }

    /// Ends calls whose process has vanished: they may have been billed. - Returns: how many.
    func reapCalls(limit: Int, at now: Timestamp) throws -> Int {
        let lost = try connection.all(
            """
            SELECT id, tenant, model FROM call_reservations INDEXED BY call_reservations_expiry
            WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
            """, now, limit
        ) { ($0.text(0), $0.int64(1), $0.text(2)) }
        for (id, tenant, model) in lost {
            try addLostUsage(model: model, of: tenant, at: now)
            try endCall(id, known: nil, silent: 1)
        }
        return lost.count
    }
}

extension SQLiteConnection {
    /// What the open reservations of a period sum up to.
    func openReservations(of tenant: Int64, in period: BudgetPeriod) throws -> BudgetAmount {
        let sums = try all(
            """
            SELECT sum(tokens), sum(money) FROM reservations INDEXED BY reservations_open
                WHERE tenant = ?1 AND open = 1 AND made_at >= ?2 AND made_at < ?3
            UNION ALL SELECT sum(tokens), sum(money) FROM call_reservations
                WHERE tenant = ?1 AND made_at >= ?2 AND made_at < ?3
            UNION ALL SELECT sum(d.tokens), sum(d.money) FROM batch_reservations r JOIN batches b ON b.number = r.batch
                JOIN staged_demands d ON d.row >= b.number << 20 AND d.row < (b.number + 1) << 20
                WHERE b.tenant = ?1 AND r.made_at >= ?2 AND r.made_at < ?3
            """, tenant, period.start, period.end
        ) { BudgetAmount(tokens: $0.optionalInt(0) ?? 0, money: Money(microdollars: $0.optionalInt(1) ?? 0)) }
        return sums.reduce(.nothing, +)
    }

    fileprivate func used(by tenant: Int64, in period: BudgetPeriod) throws -> BudgetAmount {
        try first(
            """
            SELECT sum(input + output + cache_creation + cache_read), sum(cost) FROM usage
            WHERE tenant = ? AND day >= ? AND day < ?
            """, tenant, period.start, period.end
        ) { BudgetAmount(tokens: $0.optionalInt(0) ?? 0, money: Money(microdollars: $0.optionalInt(1) ?? 0)) }
            ?? .nothing
    }

    fileprivate func usage(_ query: UsageQuery) throws -> [UsageRow] {
        let by = query.dimensions
        return try all(
            """
            SELECT CASE WHEN ?1 THEN t.name END, CASE WHEN ?2 THEN u.day END, CASE WHEN ?3 THEN u.key END,
                CASE WHEN ?4 THEN u.model END, sum(requests), sum(errors), sum(maybe_billed), sum(unpriced), sum(input),
                sum(output), sum(cache_creation), sum(cache_read), sum(cost)
            FROM usage u JOIN tenants t ON t.number = u.tenant
            WHERE (?5 IS NULL OR t.name = ?5) AND u.day >= ?6 AND u.day < ?7
            GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT ?8
            """,
            by.contains(.tenant), by.contains(.day), by.contains(.key), by.contains(.model), query.tenant?.text,
            query.since?.startOfDay ?? Timestamp(microseconds: .min),
            query.until?.startOfDay ?? Timestamp(microseconds: .max), UsageQuery.limit + 1, read: UsageRow.init(stored:)
        )
    }
}

extension UsageRow {
    /// Reads `tenant, day, key, model` and the counts.
    fileprivate init(stored row: SQLiteRow) throws {
        var counts = UsageCounts()
        counts.requests = row.int(4)
        counts.errors = row.int(5)
        counts.maybeBilled = row.int(6)
        counts.unpriced = row.int(7)
        counts.input = row.int(8)
        counts.output = row.int(9)
        counts.cacheCreation = row.int(10)
        counts.cacheRead = row.int(11)
        counts.cost = Money(microdollars: row.int(12))
        self.init(
            tenant: try row.optionalText(0).map(TenantID.init(stored:)), day: row.optionalTime(1),
            key: row.optionalText(2), model: row.optionalText(3), counts: counts)
    }
}
