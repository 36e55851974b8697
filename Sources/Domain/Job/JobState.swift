/// Where a job stands. The terminal words are those of Anthropic's batch results.
///
/// `docs/job-lifecycle.md` has the table of states and events. The raw value is what is stored and what clients read.
package enum JobState: String, Hashable, Sendable, CaseIterable {
    /// Accepted and durable, due at its `runAt`. → running, canceled, expired.
    case queued
    /// Claimed under a lease. → succeeded, errored, canceled; → queued on a retry or when the lease expires.
    case running
    /// The upstream answered 2xx with a complete message. Terminal.
    case succeeded
    /// The upstream refused the request, or the retry budget is spent. Terminal.
    case errored
    /// The owner cancelled it. Terminal.
    case canceled
    /// Its deadline passed before it could be sent. Terminal.
    case expired

    package var isTerminal: Bool {
        switch self {
        case .queued, .running: false
        case .succeeded, .errored, .canceled, .expired: true
        }
    }
}
