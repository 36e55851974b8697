/// How a simulator behaves from its start.
struct SimulatorSettings: Sendable {
    var seed: UInt64 = 1
    /// Accepted keys; nil takes any.
    var keys: Set<String>?
    var limits = Limits.unlimited
    var faults = FaultPlan.none
    var latency = LatencyDistribution.none
    var tokenInterval = LatencyDistribution.none
    /// The delay of `slow-first-byte`.
    var slowness = Duration.seconds(5)
    /// Length of an answer that `max_tokens` does not cut, at least 1.
    var outputTokens = 40
    /// Distinct bodies whose executions are counted, at least 1.
    var maxTracked = 2_000_000
    /// In answers that belong to no key.
    var organization = "5e1f0000-0000-4000-8000-00000000c1a0"
    var organizations = Organizations.none
    /// Client addresses that are answered as an unsupported region is.
    var refusedSources: Set<String> = []
}
