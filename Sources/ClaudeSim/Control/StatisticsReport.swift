/// What `GET /sim/stats` answers.
struct StatisticsReport: Encodable, Sendable {
    struct Window: Encodable, Sendable {
        /// Most events in any half-open span of one second.
        let peak: Int
        /// True when the ring was full and the true peak may be higher.
        let saturated: Bool

        init(_ window: WindowPeak) {
            peak = window.peak
            saturated = window.isSaturated
        }
    }

    struct Key: Encodable, Sendable {
        let requests: Int
        let executed: Int
        let overLimit: Int
        let statuses: [String: Int]
        let faults: [String: Int]
        let peakPerSecond: Window
        let peakAcceptedPerSecond: Window

        init(_ key: KeyStatistics) {
            requests = key.requests
            executed = key.executed
            overLimit = key.overLimit
            statuses = named(key.statuses) { String($0) }
            faults = named(key.faults, \.rawValue)
            peakPerSecond = Window(key.arrivals)
            peakAcceptedPerSecond = Window(key.accepted)
        }
    }

    struct Executions: Encodable, Sendable {
        let distinctBodies: Int
        let distinctExecuted: Int
        let maxPerBody: UInt32
        let histogram: [String: Int]
        let maxTracked: Int
        let untracked: Int

        init(_ table: ExecutionTable) {
            distinctBodies = table.distinctBodies
            distinctExecuted = table.distinctExecuted
            maxPerBody = table.maxExecutions
            histogram = named(table.histogram) { String($0) }
            maxTracked = table.capacity
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
    let executions: Executions
    let faultPlan: [String: Double]

    init(_ state: SimulatorState, at now: Duration) {
        let statistics = state.statistics
        uptimeSeconds = now / .seconds(1)
        sinceResetSeconds = (now - statistics.startedAt) / .seconds(1)
        requests = statistics.requests
        executed = statistics.executed
        inFlight = state.inFlight
        statuses = named(statistics.statuses) { String($0) }
        keys = statistics.keys.mapValues { Key($0) }
        executions = Executions(statistics.executions)
        faultPlan = named(state.plan.probabilities, \.rawValue)
    }
}

private func named<Name: Hashable, Value>(_ values: [Name: Value], _ name: (Name) -> String) -> [String: Value] {
    Dictionary(values.map { (name($0.key), $0.value) }) { first, _ in first }
}
