package import Domain

/// What a Gateway needs to know that does not change while it runs.
package struct GatewayConfiguration: Sendable {
    /// Scheme, host and perhaps port and path prefix, without a slash at the end: `https://api.anthropic.com`.
    package let upstream: String
    package let timeouts: Timeouts
    /// Bytes of a collected answer's body.
    package let answerLimit: Int
    /// The ways out, at least one; none means the direct one.
    package let egress: [EgressPath]
    /// Of paths, the nearest first; the others are used when those cannot be.
    package let regions: [String]
    package let pacing: PacingRules
    /// This process, in the ledger that it shares with others.
    package let holder: String

    package init(
        upstream: String, timeouts: Timeouts = .upstream, answerLimit: Int = 64 << 20,
        egress: [EgressPath] = [.direct], regions: [String] = [], pacing: PacingRules = PacingRules(),
        holder: String = "relay"
    ) {
        self.regions = regions
        self.pacing = pacing
        self.holder = holder
        self.upstream = upstream.hasSuffix("/") ? String(upstream.dropLast()) : upstream
        self.timeouts = timeouts
        self.answerLimit = answerLimit
        self.egress = egress
    }
}
