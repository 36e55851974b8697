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
    /// What came before a silence of that length does not count: longer than any delay between two attempts at one delivery.
    package var silence = Duration.seconds(2 * 86_400)
    /// An answer that takes that long counts as slow.
    package var slowAfter = Duration.seconds(3)

    package init() {}
}
