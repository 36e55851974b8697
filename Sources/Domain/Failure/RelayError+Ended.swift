extension RelayError {
    /// In place of an answer: the owner cancelled the job.
    package static let jobCanceled = RelayError(
        .canceled, "The job was canceled before an answer was recorded.",
        remedy: "Submit it again if it is still wanted.")

    /// In place of an answer: the job was not sent in time.
    package static let jobDeadlinePassed = RelayError(
        .deadlinePassed, "The job's deadline passed before it could be sent.",
        remedy: "Submit it again with a later deadline.")

    /// In place of an answer: `attempts` workers in a row took the job and vanished.
    package static func jobAttemptsExhausted(_ attempts: Int) -> RelayError {
        RelayError(
            .retriesExhausted, "The job's worker was lost \(attempts) times; that is the limit of attempts.",
            remedy: "Look at the job's attempts and the worker's log, then submit it again.")
    }
}
