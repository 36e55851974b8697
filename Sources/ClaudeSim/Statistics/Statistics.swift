/// All counters of a simulator since its start or the last reset.
struct Statistics: Sendable {
    private(set) var startedAt: Duration
    /// Every request outside `/sim/`.
    private(set) var requests = 0
    private(set) var statuses: [Int: Int] = [:]
    private(set) var keys: [String: KeyStatistics] = [:]
    private(set) var executions: ExecutionTable
    /// By the organization's name.
    private(set) var organizations: [String: OrganizationStatistics] = [:]
    /// Requests by the client's address, and those refused for it.
    private(set) var sources: [String: SourceStatistics] = [:]

    init(startedAt: Duration, maxTracked: Int) {
        self.startedAt = startedAt
        executions = ExecutionTable(capacity: maxTracked)
    }

    var executed: Int { keys.values.reduce(0) { $0 + $1.executed } }

    /// Counts a request that never came to the limits: another route, or one that is not well formed.
    mutating func recordOther(status: Int) {
        requests += 1
        statuses[status, default: 0] += 1
    }

    /// Counts where a request comes from; beyond a thousand addresses no new ones.
    mutating func recordSource(_ address: String, isRefused: Bool) {
        guard sources[address] != nil || sources.count < 1_000 else { return }
        sources[address, default: SourceStatistics()].requests += 1
        if isRefused { sources[address]?.refused += 1 }
    }

    mutating func recordRefusal(key: String, scope: LimitScope, reason: OverLimit.Reason, at now: Duration) {
        recordOther(status: 429)
        organizations[scope.organization, default: .init()].refused(scope.modelClass, reason)
        keys[key, default: KeyStatistics()].refused(at: now)
    }

    /// - Returns: which attempt of this body it is, counted from 1.
    mutating func recordAttempt(of body: Fingerprint) -> UInt64 {
        executions.recordAttempt(of: body)
    }

    mutating func recordAccepted(
        key: String, scope: LimitScope, body: Fingerprint, fault: FaultKind?, cache: CacheUse, at now: Duration
    ) {
        organizations[scope.organization, default: .init()].accepted(scope.modelClass, cache, at: now)
        requests += 1
        let status = fault.map(\.status) ?? 200
        if let status { statuses[status, default: 0] += 1 }
        let isExecuted = fault?.countsAsExecuted ?? true
        if isExecuted { executions.recordExecution(of: body) }
        keys[key, default: KeyStatistics()].accepted(status: status, fault: fault, isExecuted: isExecuted, at: now)
    }
}

extension OrganizationStatistics {
    fileprivate mutating func refused(_ modelClass: String, _ reason: OverLimit.Reason) {
        scopes[modelClass, default: Scope()].requests += 1
        scopes[modelClass]?.overLimit[reason, default: 0] += 1
    }

    fileprivate mutating func accepted(_ modelClass: String, _ use: CacheUse, at now: Duration) {
        scopes[modelClass, default: Scope()].requests += 1
        scopes[modelClass]?.accepted.record(at: now)
        cache.record(use)
    }
}

extension KeyStatistics {
    fileprivate mutating func refused(at now: Duration) {
        requests += 1
        overLimit += 1
        statuses[429, default: 0] += 1
        arrivals.record(at: now)
    }

    fileprivate mutating func accepted(status: Int?, fault: FaultKind?, isExecuted: Bool, at now: Duration) {
        requests += 1
        if isExecuted { executed += 1 }
        if let status { statuses[status, default: 0] += 1 }
        if let fault { faults[fault, default: 0] += 1 }
        arrivals.record(at: now)
        accepted.record(at: now)
    }
}
