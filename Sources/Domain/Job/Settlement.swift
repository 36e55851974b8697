/// The end of one attempt, as one guarded transition.
package struct Settlement: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// The job is over. `state` is terminal.
        case ended(JobState, JobResult)
        /// Due again at the instant given, with a fresh attempt.
        case retry(at: Timestamp)
        /// It was not sent, and is due again at the instant given. The journal has no line on that; a job that was never
        /// sent counts as never claimed, however often that happens.
        case deferred(until: Timestamp)

        package var isDeferral: Bool {
            if case .deferred = self { true } else { false }
        }
    }

    package let lease: Lease
    package let outcome: Outcome
    package let attempt: AttemptRecord
    /// What the attempt has used and cost; nil if it was not sent.
    package let bill: Bill?

    package init(lease: Lease, outcome: Outcome, attempt: AttemptRecord, bill: Bill? = nil) {
        self.bill = bill
        self.lease = lease
        self.outcome = outcome
        self.attempt = attempt
    }

    /// Whether the attempt may have been billed and does not say what it has cost.
    package var isSilent: Bool {
        guard let bill, bill.usage == nil else { return false }
        return attempt.maybeBilled || attempt.verdict == Verdict.success.code
    }
}
