/// The time-limited right of one worker to work one job. Settling and renewing are fenced by it:
/// whoever holds an older attempt of the same job can change nothing any more.
package struct Lease: Hashable, Sendable {
    package let job: JobID
    /// The store's own number of the job, stable for its life.
    package let row: Int64
    /// This try, from 1. Grows with every claim of the job.
    package let attempt: Int
    package let worker: String

    package init(job: JobID, row: Int64, attempt: Int, worker: String) {
        self.job = job
        self.row = row
        self.attempt = attempt
        self.worker = worker
    }
}
