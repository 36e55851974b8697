/// When a receiver that fails is left alone, and when it is disabled.
package struct EndpointRules: Hashable, Sendable {
    /// Failures in a row.
    package var tripAfter = 5
    package var firstRest = Duration.seconds(30)
    /// Each failed probe doubles the rest up to this.
    package var longestRest = Duration.seconds(600)
    /// How long nothing but failures came back.
    package var disableAfter = Duration.seconds(5 * 86_400)
    /// And how many of them there were at least.
    package var disableAfterFailures = 10

    package init() {}
}
