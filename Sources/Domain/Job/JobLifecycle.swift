/// The life of one job: which event leads from which state to which. Pure; time is an argument.
///
/// `docs/job-lifecycle.md` has the same as a table. A lease is current while the job is running its attempt; whoever
/// holds an older attempt can change nothing any more. The in-memory store decides by this value; the SQLite store's
/// guarded statements are held to it by the conformance suite and the model test.
package struct JobLifecycle: Hashable, Sendable {
    /// What an event has done.
    package enum Transition: Hashable, Sendable {
        /// Back in the queue.
        case queued
        /// In this terminal state.
        case ended(JobState)
    }

    /// A lease's time.
    package struct Span: Hashable, Sendable {
        package let claimedAt: Timestamp
        package let until: Timestamp
    }

    package enum Renewal: Hashable, Sendable {
        case renewed
        /// Renewed, and its owner wants it cancelled.
        case cancelRequested
        /// The lease is not current.
        case lost
    }

    package enum Cancellation: Hashable, Sendable {
        case canceled
        /// Its worker has to be told.
        case requested
        case alreadyEnded(JobState)
    }

    package private(set) var state: JobState = .queued
    /// Claims so far; the number of the running attempt.
    package private(set) var attempt = 0
    /// Not claimed before this instant.
    package private(set) var runAt: Timestamp
    /// Not claimed from this instant on.
    package let deadline: Timestamp?
    /// The running attempt's; nil unless running.
    package private(set) var lease: Span?
    package private(set) var firstClaimedAt: Timestamp?
    package private(set) var isCancelRequested = false

    package init(runAt: Timestamp, deadline: Timestamp?) {
        self.runAt = runAt
        self.deadline = deadline
    }

    /// Whether a claim at `now` would take it.
    package func isDue(at now: Timestamp) -> Bool {
        state == .queued && runAt <= now && !isOverdue(at: now)
    }

    /// Whether it waits although its deadline has passed.
    package func isOverdue(at now: Timestamp) -> Bool {
        state == .queued && (deadline.map { $0 <= now } ?? false)
    }

    /// Whether its worker has not been heard of for a lease's time.
    package func isAbandoned(at now: Timestamp) -> Bool {
        lease.map { $0.until <= now } ?? false
    }

    /// Whether the lease of `attempt` is current.
    package func isRunning(_ attempt: Int) -> Bool {
        state == .running && attempt == self.attempt
    }

    /// queued → running, with the next attempt. Changes nothing unless it is due.
    package mutating func claim(at now: Timestamp, until end: Timestamp) {
        guard isDue(at: now) else { return }
        state = .running
        attempt += 1
        lease = Span(claimedAt: now, until: end)
        firstClaimedAt = firstClaimedAt ?? now
    }

    package mutating func renew(_ attempt: Int, until end: Timestamp) -> Renewal {
        guard isRunning(attempt), let lease else { return .lost }
        self.lease = Span(claimedAt: lease.claimedAt, until: end)
        return isCancelRequested ? .cancelRequested : .renewed
    }

    /// running → `state`, which is terminal. nil, and nothing changed, if the lease of `attempt` is not current.
    package mutating func finish(_ attempt: Int, as state: JobState) -> Transition? {
        isRunning(attempt) ? end(as: state) : nil
    }

    /// running → queued; → canceled if that was asked for. nil, and nothing changed, if the lease is not current.
    package mutating func retry(_ attempt: Int, at runAt: Timestamp) -> Transition? {
        guard isRunning(attempt) else { return nil }
        return isCancelRequested ? end(as: .canceled) : requeue(at: runAt)
    }

    /// The same for a job that was not sent: its time counts from the first claim that sends it.
    package mutating func putBack(_ attempt: Int, until runAt: Timestamp) -> Transition? {
        guard isRunning(attempt) else { return nil }
        if lease?.claimedAt == firstClaimedAt { firstClaimedAt = nil }
        return retry(attempt, at: runAt)
    }

    /// queued → canceled; running stays so until its worker has heard of it.
    package mutating func cancel() -> Cancellation {
        switch state {
        case .queued:
            _ = end(as: .canceled)
            return .canceled
        case .running:
            isCancelRequested = true
            return .requested
        case .succeeded, .errored, .canceled, .expired: return .alreadyEnded(state)
        }
    }

    /// Overdue → expired. Abandoned → queued, due as before; → canceled if that was asked for; → errored if this attempt
    /// is the last of `maxAttempts` that may have been executed. nil, and nothing changed, if it is neither.
    /// - Parameter charged: how many earlier attempts may have been executed.
    package mutating func reap(at now: Timestamp, charged: Int, maxAttempts: Int) -> Transition? {
        if isOverdue(at: now) { return end(as: .expired) }
        guard isAbandoned(at: now) else { return nil }
        if isCancelRequested { return end(as: .canceled) }
        return charged + 1 >= maxAttempts ? end(as: .errored) : requeue(at: runAt)
    }

    /// Due as it would be by the clock that was set back by `step`.
    package mutating func rebase(by step: Duration, to now: Timestamp) {
        if state == .queued { runAt = runAt.rebased(by: step, to: now) }
    }

    /// Its lease as it would be by the clock that was set back by `step`; but one that lasts longer does so for `grace`,
    /// because it may have been renewed by the new clock already.
    package mutating func rebaseLease(by step: Duration, to now: Timestamp, keeping grace: Duration) {
        lease = lease.map { lease in
            let rebased = max(lease.until.advanced(by: .zero - step), now.advanced(by: grace))
            return Span(claimedAt: min(lease.claimedAt, now), until: min(lease.until, rebased))
        }
    }

    /// Ends a queued job that the relay itself will not send.
    package mutating func refuse() -> Transition {
        end(as: .errored)
    }

    private mutating func requeue(at runAt: Timestamp) -> Transition {
        state = .queued
        self.runAt = runAt
        lease = nil
        return .queued
    }

    private mutating func end(as state: JobState) -> Transition {
        self.state = state
        lease = nil
        return .ended(state)
    }
}
