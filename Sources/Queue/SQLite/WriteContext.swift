import Domain

/// What the operations of one transaction share: the open connection, the counts they change, the topics they touch.
///
/// Counts are added up here and written once, before the commit.
final class WriteContext {
    private struct TenantChange {
        var counts: [JobState: Int] = [:]
        /// The earliest of the instants at which its queued jobs become due.
        var earliest: Timestamp?
        /// By how much its requests of batches that are no jobs yet have grown.
        var staged = 0
    }

    let connection: SQLiteConnection
    let makeDeliveryID: () -> String
    /// nil: no audit log is kept.
    let auditKeeping: AuditKeeping?
    /// Those that this process has open.
    let payloadKeys: PayloadKeys
    /// Whether payloads are sealed that this transaction writes.
    let sealsPayloads: Bool
    /// For whom the present operation is done.
    var actor = AuditActor.relay
    private(set) var topics: Set<ChangeTopic> = []
    /// Of limits, budgets and usage.
    var tenancy = TenancyChanges()
    /// Of data keys and erasures.
    var payloads = PayloadChanges()
    private var tenants: [Int64: TenantChange] = [:]
    private var counters: [String: Int] = [:]
    private var numbers: [String: Int64] = [:]
    private var names: [Int64: TenantID] = [:]
    /// Of models met in this transaction.
    private var classes: [String: Int64] = [:]
    /// Classes whose numbers may go to others; nil until one is needed.
    private var spareClasses: [Int64]?
    /// By how much the queued jobs of each class have grown.
    private var queuedByClass: [Int64: Int] = [:]
    private var batchEndings: [Int64: (counts: [JobState: Int], at: Timestamp)] = [:]
    /// nil until somebody asks.
    private var batchesExist: Bool?

    init(
        _ connection: SQLiteConnection, auditKeeping: AuditKeeping?, payloadKeys: PayloadKeys,
        makeDeliveryID: @escaping () -> String
    ) {
        self.payloadKeys = payloadKeys
        sealsPayloads = payloadKeys.areInUse
        self.connection = connection
        self.auditKeeping = auditKeeping
        self.makeDeliveryID = makeDeliveryID
    }

    func note(_ topic: ChangeTopic) {
        topics.insert(topic)
    }

    // MARK: Tenants

    /// nil if the tenant has never had a job.
    func number(of tenant: String) throws -> Int64? {
        if let number = numbers[tenant] { return number }
        let number = try connection.first("SELECT number FROM tenants WHERE name = ? LIMIT 1", tenant) { $0.int64(0) }
        numbers[tenant] = number
        return number
    }

    func numberMakingTenant(_ tenant: String) throws -> Int64 {
        if let number = try number(of: tenant) { return number }
        try connection.execute("INSERT INTO tenants (name) VALUES (?)", tenant)
        numbers[tenant] = connection.lastInsertedRow
        return connection.lastInsertedRow
    }

    func name(of tenant: Int64) throws -> TenantID {
        if let name = names[tenant] { return name }
        let stored = try connection.first("SELECT name FROM tenants WHERE number = ? LIMIT 1", tenant) {
            try TenantID(stored: $0.text(0))
        }
        guard let stored else { throw DamagedValue(description: "damaged file: there is no tenant \(tenant)") }
        names[tenant] = stored
        return stored
    }

    /// Its jobs that wait and its requests of accepted batches that are no jobs yet, those of this transaction included.
    func queuedJobs(of tenant: Int64) throws -> Int {
        let change = tenants[tenant]
        let stored = try connection.first(
            "SELECT queued + staged FROM tenants WHERE number = ? LIMIT 1", tenant
        ) { $0.int(0) }
        return (stored ?? 0) + (change?.counts[.queued] ?? 0) + (change?.staged ?? 0)
    }

    // MARK: Classes of models

    /// The number of the class that `model` belongs to.
    func classNumber(of model: String) throws -> Int64 {
        if let number = classes[model] { return number }
        let number = try numberMakingClass(ModelClass(model: model).name)
        classes[model] = number
        return number
    }

    /// nil if no job of the class was ever met.
    func number(ofClass name: String) throws -> Int64? {
        try connection.first("SELECT number FROM model_classes WHERE name = ? LIMIT 1", name) { $0.int64(0) }
    }

    /// Once there are too many, that of a class without an unfinished job; 0, which is `other`, if each has one.
    private func numberMakingClass(_ name: String) throws -> Int64 {
        if let stored = try number(ofClass: name) { return stored }
        guard try connection.number("SELECT count(*) FROM model_classes") >= Schema.classLimit else {
            try connection.execute("INSERT INTO model_classes (name) VALUES (?)", name)
            return connection.lastInsertedRow
        }
        guard let spare = try takeSpareClass() else { return 0 }
        try connection.execute("UPDATE model_classes SET name = ? WHERE number = ?", name, spare)
        return spare
    }

    /// Looked for once a transaction: any number of new names may come in it.
    private func takeSpareClass() throws -> Int64? {
        var spare = try spareClasses ?? connection.spareClasses()
        defer { spareClasses = spare }
        while let number = spare.popLast() {
            if queuedByClass[number] == nil, !classes.values.contains(number) { return number }
        }
        return nil
    }

    /// A job of the class `models` has come into `queued` (1) or left it (-1).
    func countQueued(_ models: Int64, by delta: Int) {
        queuedByClass[models, default: 0] += delta
    }

    // MARK: Counts

    /// Counts one job of `tenant` out of `old` (nil if it is new) and into `new` (nil if it is deleted).
    func countJob(of tenant: Int64, from old: JobState?, to new: JobState?) {
        for (state, delta) in [(old, -1), (new, 1)] {
            guard let state else { continue }
            tenants[tenant, default: TenantChange()].counts[state, default: 0] += delta
            counters["jobs." + state.rawValue, default: 0] += delta
        }
    }

    /// `tenant` has a queued job that is due at `runAt`.
    func expectJob(of tenant: Int64, at runAt: Timestamp) {
        let earliest = tenants[tenant, default: TenantChange()].earliest
        tenants[tenant, default: TenantChange()].earliest = min(earliest ?? runAt, runAt)
        note(.jobs)
    }

    func countDeliveries(_ state: DeliveryState, by delta: Int) {
        counters["deliveries." + state.rawValue, default: 0] += delta
    }

    func countEnding(ofBatch number: Int64, as state: JobState, at now: Timestamp) {
        let (counts, latest) = batchEndings[number] ?? ([:], now)
        batchEndings[number] = (counts.merging([state: 1], uniquingKeysWith: +), max(latest, now))
    }

    /// Requests of accepted batches that are no jobs yet.
    func countStaged(of tenant: Int64, by delta: Int) {
        counters[Self.staged, default: 0] += delta
        tenants[tenant, default: TenantChange()].staged += delta
    }

    /// Where there has never been a batch, jobs need not be looked up in them.
    func hasBatches() throws -> Bool {
        if let batchesExist { return batchesExist }
        let exist = try connection.first("SELECT 1 FROM batches LIMIT 1") { _ in true } ?? false
        batchesExist = exist
        return exist
    }

    private static let staged = "batches.staged"

    /// The unfinished jobs of all tenants and what is to become one, those of this transaction included.
    func depth() throws -> Int {
        try ["jobs.queued", "jobs.running", Self.staged].reduce(0) { sum, name in
            let stored = try connection.first("SELECT count FROM counters WHERE name = ? LIMIT 1", name) { $0.int(0) }
            return sum + (stored ?? 0) + (counters[name] ?? 0)
        }
    }

    /// Writes what was counted; before tenants are read, and as the last act before the commit.
    func flush() throws {
        for (tenant, change) in tenants { try write(change, of: tenant) }
        for (number, endings) in batchEndings.sorted(by: { $0.key < $1.key }) {
            try write(endings.counts, ofBatch: number, at: endings.at)
        }
        for (name, delta) in counters where delta != 0 {
            try connection.execute(
                "INSERT INTO counters (name, count) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + ?",
                name, delta, delta)
        }
        for (models, delta) in queuedByClass where delta != 0 {
            try connection.execute("UPDATE model_classes SET queued = queued + ? WHERE number = ?", delta, models)
        }
        try flushTenancy()
        queuedByClass = [:]
        tenants = [:]
        counters = [:]
        batchEndings = [:]
    }

    /// A batch has ended when all its requests have; those who listen hear of it.
    private func write(_ counts: [JobState: Int], ofBatch number: Int64, at now: Timestamp) throws {
        let hasEnded = try connection.first(
            """
            UPDATE batches SET succeeded = succeeded + ?1, errored = errored + ?2, canceled = canceled + ?3,
                expired = expired + ?4,
                ended_at = CASE WHEN succeeded + errored + canceled + expired + ?5 = total THEN ?6 ELSE ended_at END
            WHERE number = ?7 RETURNING succeeded + errored + canceled + expired = total AND ?5 > 0
            """,
            counts[.succeeded] ?? 0, counts[.errored] ?? 0, counts[.canceled] ?? 0, counts[.expired] ?? 0,
            counts.values.reduce(0, +), now, number
        ) { $0.bool(0) }
        if hasEnded == true { try announceEnd(ofBatch: number, at: now) }
    }

    private func write(_ change: TenantChange, of tenant: Int64) throws {
        let counts = change.counts
        let hasRoomForMore = try connection.first(
            """
            UPDATE tenants SET queued = queued + ?1, running = running + ?2, succeeded = succeeded + ?3,
                errored = errored + ?4, canceled = canceled + ?5, expired = expired + ?6, staged = staged + ?9,
                wake_at = CASE WHEN ready = 0 AND ?7 < coalesce(wake_at, 9223372036854775807) THEN ?7 ELSE wake_at END
            WHERE number = ?8 RETURNING max_running IS NOT NULL AND running < max_running AND queued > 0
            """,
            counts[.queued] ?? 0, counts[.running] ?? 0, counts[.succeeded] ?? 0, counts[.errored] ?? 0,
            counts[.canceled] ?? 0, counts[.expired] ?? 0, change.earliest, tenant, change.staged
        ) { $0.bool(0) }
        if hasRoomForMore == true, counts[.running] ?? 0 < 0 { note(.jobs) }
    }
}
