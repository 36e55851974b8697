/// All that changes while a simulator runs. It decides; its owner keeps the lock and reads the clock.
struct SimulatorState: Sendable {
    /// More keys than this share one set of counters, named ``KeyLabel/others``; more scopes one set of limits.
    static let maxKeys = 10_000

    var statistics: Statistics
    private(set) var limits: Limits
    var plan: FaultPlan
    var targeted = TargetedFaults()
    var refusedSources: Set<String>
    private let seed: UInt64
    private let maxTracked: Int
    private var cache = PromptCache()
    private var accounts: Set<String> = []
    private var gauges: [LimitScope: ScopeGauge] = [:]

    init(_ settings: SimulatorSettings) {
        seed = settings.seed
        limits = settings.limits
        plan = settings.faults
        refusedSources = settings.refusedSources
        maxTracked = settings.maxTracked
        statistics = Statistics(startedAt: .zero, maxTracked: maxTracked)
    }

    var inFlight: Int { gauges.values.reduce(0) { $0 + $1.inFlight } }

    /// Starts all counters anew; limits, faults, the prompt cache and requests in flight stay.
    mutating func resetStatistics(at now: Duration) {
        statistics = Statistics(startedAt: now, maxTracked: maxTracked)
    }

    /// New limits for all, each with full buckets.
    mutating func setLimits(_ limits: Limits) {
        self.limits = limits
        gauges = gauges.mapValues { ScopeGauge(limits, inFlight: $0.inFlight) }
    }

    /// The name under which a key is counted.
    mutating func account(of key: String) -> String {
        let label = KeyLabel.text(for: key)
        if accounts.contains(label) { return label }
        guard accounts.count < Self.maxKeys else { return KeyLabel.others }
        accounts.insert(label)
        return label
    }

    /// An accepted request is in flight until ``finish(scope:)``.
    mutating func admit(_ call: MessagesCall, at now: Duration) -> (scope: LimitScope, admission: Admission) {
        let scope = scope(of: call)
        let use = cache.look(up: call.prefix, organization: call.organization, at: now)
        let cost = max(0, call.inputTokens - use.read)
        var gauge = gauges[scope] ?? ScopeGauge(limits)
        defer { gauges[scope] = gauge }
        if let over = gauge.admit(inputTokens: cost, at: now) {
            statistics.recordRefusal(key: call.account, scope: scope, reason: over.reason, at: now)
            return (scope, .refused(over, rate: gauge.reading(at: now)))
        }
        let (fault, generator) = chooseFault(call)
        let isExecuted = fault?.countsAsExecuted ?? true
        if isExecuted {
            gauge.charge(inputTokens: cost, outputTokens: call.outputTokens, at: now)
            cache.keep(call.prefix, organization: call.organization, at: now)
        }
        statistics.recordAccepted(
            key: call.account, scope: scope, body: call.body, fault: fault, cache: isExecuted ? use : .none, at: now)
        let rate = gauge.reading(at: now)
        return (scope, .accepted(fault: fault, generator: generator, cache: use, rate: rate))
    }

    mutating func finish(scope: LimitScope) {
        gauges[scope]?.inFlight -= 1
    }

    private func scope(of call: MessagesCall) -> LimitScope {
        let modelClass = ModelClass.name(ofModel: call.model)
        let scope = LimitScope(organization: call.organization, modelClass: modelClass)
        return gauges[scope] == nil && gauges.count >= Self.maxKeys ? .others : scope
    }

    /// The request's own wish goes before a fault of its key or model, and that before chance.
    private mutating func chooseFault(_ call: MessagesCall) -> (fault: FaultKind?, generator: SeededGenerator) {
        let attempt = statistics.recordAttempt(of: call.body)
        var generator = SeededGenerator(seed: seed, fingerprint: call.body, attempt: attempt)
        let chosen: FaultKind?
        if let script = call.script {
            chosen = script.fault(atAttempt: attempt)
        } else {
            let drawn = plan.draw(using: &generator)
            chosen = targeted.kind(account: call.account, model: call.model) ?? drawn
        }
        return (chosen?.fitted(toStream: call.isStream), generator)
    }
}
