/// The end of one attempt, as one guarded transition.
package struct Settlement: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The job is over. `state` is terminal.
        case ended(JobState, JobResult)
        /// Due again at the instant given, with a fresh attempt.
        case retry(at: Timestamp)
    }

    package let lease: Lease
    package let outcome: Outcome
    package let attempt: AttemptRecord

    package init(lease: Lease, outcome: Outcome, attempt: AttemptRecord) {
        self.lease = lease
        self.outcome = outcome
        self.attempt = attempt
    }
}
