import Domain
import Synchronization

/// The attempts under way in this process: what the renewer renews and what a shutdown waits for.
final class AttemptRegistry: Sendable {
    /// Why an attempt is told to stop before its answer.
    enum StopReason: Hashable, Sendable {
        /// Another worker owns the job now: settle nothing.
        case leaseLost
        /// The job's owner cancelled it.
        case canceled
        /// The process ends: the job goes back.
        case shutdown
    }

    private struct Entry {
        var task: Task<Void, Never>?
        var reason: StopReason?
        /// Its call is over; its outcome is being recorded.
        var isSettling = false
    }

    private struct State {
        var entries: [Lease: Entry] = [:]
        var bytes = 0
        /// Attempts whose call is not over yet.
        var calls = 0
        /// An attempt or its call has ended and nobody has been told.
        var hasNews = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.entries.count } }
    /// Of the bodies of all attempts under way.
    var bytes: Int { state.withLock { $0.bytes } }
    /// How many more may start. An attempt gives its place up when its call is over, so that the next is claimed in the
    /// transaction that records its outcome; twice the limit bounds both together.
    /// - Parameter limit: calls at the same time.
    func room(of limit: Int) -> Int {
        state.withLock { min(limit - $0.calls, 2 * limit - $0.entries.count) }
    }

    var leases: [Lease] { state.withLock { Array($0.entries.keys) } }

    /// Runs `body` as a task of its own, so that it can be told to stop by itself; it is registered until it returns.
    /// - Parameter bytes: what the attempt holds in memory, roughly.
    func start(_ lease: Lease, bytes: Int, _ body: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            state.entries[lease] = Entry()
            state.bytes += bytes
            state.calls += 1
        }
        let task = Task {  // not a child: lost leases and cancelled jobs stop one attempt, not its siblings
            await body()
            self.end(lease, bytes: bytes)
        }
        let reason = state.withLock { state in
            state.entries[lease]?.task = task
            return state.entries[lease]?.reason
        }
        if reason != nil { task.cancel() }
    }

    /// Tells one attempt to stop. The first reason counts.
    func stop(_ lease: Lease, because reason: StopReason) {
        let task = state.withLock { state -> Task<Void, Never>? in
            guard state.entries[lease] != nil, state.entries[lease]?.reason == nil else { return nil }
            state.entries[lease]?.reason = reason
            return state.entries[lease]?.task
        }
        task?.cancel()
    }

    /// Why the attempt was told to stop; nil if it was not.
    func stopReason(of lease: Lease) -> StopReason? {
        state.withLock { $0.entries[lease]?.reason }
    }

    /// The attempt's call is over. May be said more than once.
    func callEnded(_ lease: Lease) {
        news { state in
            guard state.entries[lease]?.isSettling == false else { return }
            state.entries[lease]?.isSettling = true
            state.calls -= 1
        }
    }

    /// Returns when an attempt or its call has ended since the last call, or at once when the task is cancelled. For one caller.
    func waitForEnd() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isNow = state.withLock { state in
                    if state.hasNews || Task.isCancelled {
                        state.hasNews = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isNow { continuation.resume() }
            }
        } onCancel: {
            takeWaiter()?.resume()
        }
    }

    private func takeWaiter() -> CheckedContinuation<Void, Never>? {
        state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
    }

    private func end(_ lease: Lease, bytes: Int) {
        news { state in
            let entry = state.entries.removeValue(forKey: lease)
            state.bytes -= bytes
            if entry?.isSettling == false { state.calls -= 1 }
        }
    }

    private func news(_ change: (inout sending State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            let waiter = state.waiter
            state.waiter = nil
            state.hasNews = waiter == nil
            return waiter
        }
        waiter?.resume()
    }
}
