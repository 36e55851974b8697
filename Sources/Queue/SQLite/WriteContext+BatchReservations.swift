import Domain

// Requests of a batch are let in together, when it is opened. Each then takes its part of what was reserved along when it
// becomes a job.

extension WriteContext {
    /// Keeps what a request may take that has just been staged as `row`.
    func stageDemand(_ demand: BudgetAmount, at row: Int64) throws {
        try connection.execute(
            "INSERT INTO staged_demands (row, tokens, money) VALUES (?, ?, ?)", row, demand.tokens, demand.money)
    }

    /// Lets the whole batch in. - Returns: why not; nil if it is in.
    /// - Throws: `.full` if the queue has no room for it.
    func admit(_ batch: StoredBatch, limit: Int, at now: Timestamp) throws -> AdmissionRefusal? {
        let isBudgeted = try !(limits(of: batch.tenant)?.limits.budget.isNone ?? true)
        let demand = isBudgeted ? try stagedDemand(of: batch) : .nothing
        var admission = JobAdmission()
        if let refusal = try admission.admit(demand, of: batch.tenant, count: batch.total, in: self, at: now) {
            return refusal
        }
        try reserve(batch.total, limit: limit)
        adopt(admission)
        guard isBudgeted else { return nil }
        try connection.execute(
            "INSERT INTO batch_reservations (batch, made_at) VALUES (?, ?)", batch.number, now)
        return nil
    }

    /// nil if that of one of its requests is unknown: it was staged before the tenant had a budget.
    private func stagedDemand(of batch: StoredBatch) throws -> BudgetAmount? {
        let isUnknown = try connection.first(
            """
            SELECT 1 FROM staged s WHERE s.row >= ? AND s.row < ? AND s.refusal IS NULL
                AND NOT EXISTS (SELECT 1 FROM staged_demands d WHERE d.row = s.row) LIMIT 1
            """, batch.rows.lowerBound, batch.rows.upperBound
        ) { _ in true }
        guard isUnknown == nil else { return nil }
        return try connection.first(
            """
            SELECT coalesce(sum(tokens), 0), coalesce(sum(money), 0) FROM staged_demands WHERE row >= ? AND row < ?
            """, batch.rows.lowerBound, batch.rows.upperBound
        ) { BudgetAmount(tokens: $0.int(0), money: Money(microdollars: $0.int(1))) } ?? .nothing
    }

    /// When the batch was let in under a budget; nil if it was not.
    func reservationTime(of batch: StoredBatch) throws -> Timestamp? {
        try connection.first(
            "SELECT made_at FROM batch_reservations WHERE batch = ? LIMIT 1", batch.number
        ) { $0.time(0) }
    }

    /// The request that was staged as `row` is `job` from now on.
    func moveReservation(from row: Int64, to job: Int64, of tenant: Int64, madeAt: Timestamp) throws {
        let demand = try connection.first(
            "DELETE FROM staged_demands WHERE row = ? RETURNING tokens, money", row
        ) { BudgetAmount(tokens: $0.int(0), money: Money(microdollars: $0.int(1))) }
        guard let demand else { return }
        try hold(Reservation(demand, at: madeAt), for: job, of: tenant)
    }

    /// The batch is being deleted: what it had is settled, or was never reserved.
    func forgetReservations(of batch: StoredBatch) throws {
        try connection.execute(
            "DELETE FROM staged_demands WHERE row >= ? AND row < ?", batch.rows.lowerBound, batch.rows.upperBound)
        try connection.execute("DELETE FROM batch_reservations WHERE batch = ?", batch.number)
    }
}
