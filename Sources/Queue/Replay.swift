package import Domain

/// One dead letter to submit again.
package struct Replay: Hashable, Sendable {
    package let job: JobID
    /// The name of the new job.
    package let newID: JobID

    package init(_ job: JobID, as newID: JobID) {
        self.job = job
        self.newID = newID
    }
}

/// What became of one replay.
package enum ReplayOutcome: Hashable, Sendable {
    case replayed(JobID)
    /// It has been replayed before, as this job.
    case existing(JobID)
    /// It has not ended, or has succeeded.
    case refused(JobState)
    case unknown
    /// Its request was erased with its tenant's data.
    case erased
    /// Its tenant's limits have no room for it.
    case overLimit(AdmissionRefusal)
}
