import Domain
import Synchronization

/// Counts what may have happened, by topic, and wakes those who wait for it.
///
/// ``bump(_:)`` tells of this process's commits. Commits of other processes show only to those who look: while
/// anybody waits, one task calls `look` every `pollInterval`, and nobody looks otherwise.
final class ChangeSignal: Sendable {
    private struct Waiter {
        let topic: ChangeTopic
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var counts = [UInt64](repeating: 0, count: ChangeTopic.allCases.count)
        var waiters: [UInt64: Waiter] = [:]
        /// Waiters whose task was cancelled before they had enrolled.
        var gone: Set<UInt64> = []
        var lastID: UInt64 = 0
        var isPolling = false
    }

    private let clock: any Clock<Duration>
    private let pollInterval: Duration
    /// Whether another process has committed since the last look; nil if there cannot be one.
    private let look: (@Sendable () async -> Bool)?
    private let state = Mutex(State())

    init(clock: any Clock<Duration>, pollInterval: Duration = .zero, look: (@Sendable () async -> Bool)? = nil) {
        self.clock = clock
        self.pollInterval = pollInterval
        self.look = look
    }

    var waiterCount: Int { state.withLock { $0.waiters.count } }

    func count(_ topic: ChangeTopic) -> UInt64 {
        state.withLock { $0.counts[topic.rawValue] }
    }

    func bump(_ topics: Set<ChangeTopic>) {
        guard !topics.isEmpty else { return }
        let woken = state.withLock { state in
            for topic in topics { state.counts[topic.rawValue] += 1 }
            let woken = state.waiters.filter { topics.contains($0.value.topic) }
            for id in woken.keys { state.waiters[id] = nil }
            return woken
        }
        for waiter in woken.values { waiter.continuation.resume() }
    }

    /// Returns when the count of `topic` differs from `seen`, `limit` has passed, or the task is cancelled.
    func wait(_ topic: ChangeTopic, since seen: UInt64, upTo limit: Duration) async {
        guard limit > .zero else { return }
        await withTaskGroup { group in
            group.addTask { await self.waitForBump(topic, since: seen) }
            group.addTask { [clock] in try? await clock.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForBump(_ topic: ChangeTopic, since seen: UInt64) async {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enroll(Waiter(topic: topic, continuation: continuation), as: id, since: seen)
            }
        } onCancel: {
            dismiss(id)
        }
        state.withLock { _ = $0.gone.remove(id) }
    }

    private func enroll(_ waiter: Waiter, as id: UInt64, since seen: UInt64) {
        let (isDone, mustPoll) = state.withLock { state in
            if state.counts[waiter.topic.rawValue] != seen || state.gone.contains(id) { return (true, false) }
            state.waiters[id] = waiter
            guard look != nil, !state.isPolling else { return (false, false) }
            state.isPolling = true
            return (false, true)
        }
        if isDone { waiter.continuation.resume() }
        // Unstructured, because it serves all waiters and ends with the last one, whichever that is.
        if mustPoll { Task { await self.poll() } }
    }

    private func dismiss(_ id: UInt64) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            if waiter == nil { state.gone.insert(id) }
            return waiter
        }
        waiter?.continuation.resume()
    }

    private func poll() async {
        while keepsPolling() {
            if await look?() == true { bump(Set(ChangeTopic.allCases)) }
            try? await clock.sleep(for: pollInterval)
        }
    }

    private func keepsPolling() -> Bool {
        state.withLock { state in
            state.isPolling = !state.waiters.isEmpty
            return state.isPolling
        }
    }
}
