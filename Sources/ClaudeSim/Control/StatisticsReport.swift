/// What `GET /sim/stats` answers.
struct StatisticsReport: Encodable, Sendable {
    struct Key: Encodable, Sendable {
        let requests: Int
        let executed: Int
        let overLimit: Int
        let statuses: [String: Int]
        let faults: [String: Int]
        /// Most arrivals in any half-open span of one second.
        let peak: Int
        /// The same of those that the limits let pass.
        let peakAccepted: Int
        /// True when a ring was full: the true peaks may be higher.
        let isSaturated: Bool

        private enum CodingKeys: String, CodingKey {
            case requests, executed, statuses, faults
            case overLimit = "over_limit"
            case peak = "peak_1s"
            case peakAccepted = "peak_accepted_1s"
            case isSaturated = "peaks_saturated"
        }

        init(_ key: KeyStatistics) {
            requests = key.requests
            executed = key.executed
            overLimit = key.overLimit
            statuses = named(key.statuses) { String($0) }
            faults = named(key.faults, \.rawValue)
            peak = key.arrivals.peak
            peakAccepted = key.accepted.peak
            isSaturated = key.arrivals.isSaturated
        }
    }

    struct Executions: Encodable, Sendable {
        /// Those executed at least once.
        let bodies: Int
        /// Most executions of one body.
        let max: UInt32
        /// How many bodies were executed how often.
        let histogram: [String: Int]
        let trackedLimit: Int
        /// Attempts left out because the table was full.
        let untracked: Int

        private enum CodingKeys: String, CodingKey {
            case bodies, max, histogram, untracked
            case trackedLimit = "tracked_limit"
        }

        init(_ table: ExecutionTable) {
            bodies = table.distinctExecuted
            max = table.maxExecutions
            histogram = named(table.histogram) { String($0) }
            trackedLimit = table.capacity
            untracked = table.untracked
        }
    }

    let uptimeSeconds: Double
    let sinceResetSeconds: Double
    let requests: Int
    let executed: Int
    let inFlight: Int
    let statuses: [String: Int]
    let keys: [String: Key]
    let organizations: [String: Organization]
    /// Of all organizations together.
    let cache: Cache
    let sources: [String: Source]
    let executions: Executions
    let faultPlan: [String: Double]
    let targetedFaults: [Target]

    private enum CodingKeys: String, CodingKey {
        case requests, executed, statuses, keys, organizations, cache, sources, executions
        case uptimeSeconds = "uptime_seconds"
        case sinceResetSeconds = "since_reset_seconds"
        case inFlight = "in_flight"
        case faultPlan = "fault_plan"
        case targetedFaults = "targeted_faults"
    }

    init(_ state: SimulatorState, at now: Duration) {
        let statistics = state.statistics
        uptimeSeconds = now / .seconds(1)
        sinceResetSeconds = (now - statistics.startedAt) / .seconds(1)
        requests = statistics.requests
        executed = statistics.executed
        inFlight = state.inFlight
        statuses = named(statistics.statuses) { String($0) }
        keys = statistics.keys.mapValues { Key($0) }
        organizations = Dictionary(
            uniqueKeysWithValues: statistics.organizations.map { ($0.key, Organization(name: $0.key, $0.value)) })
        cache = Cache(statistics.organizations.values.reduce(into: .init()) { $0.add($1.cache) })
        sources = statistics.sources.mapValues { Source($0) }
        targetedFaults = state.targeted.kinds.map {
            Target(key: $0.key.account, model: $0.key.model, fault: $0.value.rawValue)
        }
        executions = Executions(statistics.executions)
        faultPlan = named(state.plan.probabilities, \.rawValue)
    }
}

private func named<Name: Hashable, Value>(_ values: [Name: Value], _ name: (Name) -> String) -> [String: Value] {
    Dictionary(values.map { (name($0.key), $0.value) }) { first, _ in first }
}
