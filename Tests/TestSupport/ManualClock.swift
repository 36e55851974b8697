package import Domain
import Synchronization

/// A clock that stands still until a test moves it. Sleepers wake when it passes their instant.
///
/// `wall` reads the same time as a `Timestamp`; ``stepWall(by:)`` moves that alone, as setting a system clock does.
package final class ManualClock: Clock, Sendable {
    package struct Instant: InstantProtocol, Hashable, Sendable {
        package let offset: Duration

        package func advanced(by duration: Duration) -> Instant {
            Instant(offset: offset + duration)
        }

        package func duration(to other: Instant) -> Duration {
            other.offset - offset
        }

        package static func < (left: Instant, right: Instant) -> Bool {
            left.offset < right.offset
        }
    }

    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var wallOffset: Duration = .zero
        var sleepers: [UInt64: Sleeper] = [:]
        var cancelled: Set<UInt64> = []
        var lastID: UInt64 = 0
    }

    private let start: Timestamp
    private let state = Mutex(State())

    /// - Parameter start: the wall-clock time at first; by default 2026-01-01T00:00:00Z.
    package init(start: Timestamp = Timestamp(microseconds: 1_767_225_600_000_000)) {
        self.start = start
    }

    package var now: Instant { state.withLock { $0.now } }
    package var minimumResolution: Duration { .zero }

    /// The time in UTC.
    package var timestamp: Timestamp {
        let elapsed = state.withLock { $0.now.offset + $0.wallOffset }
        return start.advanced(by: elapsed)
    }

    /// This clock as a source of timestamps.
    package var wall: any WallClock { ManualWallClock(clock: self) }

    /// How long until the first of those who sleep wakes; nil if nobody sleeps.
    package var untilNextWake: Duration? {
        state.withLock { state in state.sleepers.values.map { state.now.duration(to: $0.deadline) }.min() }
    }

    /// How many tasks sleep now.
    package var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves the clock on and wakes those whose time has come, the earliest first.
    package func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in woken { sleeper.continuation.resume() }
    }

    /// Moves the wall clock alone, backwards if `duration` is negative.
    package func stepWall(by duration: Duration) {
        state.withLock { $0.wallOffset += duration }
    }

    /// Returns once at least `count` tasks sleep, so that a test advances the clock neither too early nor by guess.
    package func waitForSleepers(_ count: Int = 1) async {
        while sleeperCount < count { await Task.yield() }
    }

    package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enroll(Sleeper(deadline: deadline, continuation: continuation), as: id)
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func enroll(_ sleeper: Sleeper, as id: UInt64) {
        let outcome: Result<Void, any Error>? = state.withLock { state in
            if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
            if sleeper.deadline <= state.now { return .success(()) }
            state.sleepers[id] = sleeper
            return nil
        }
        if let outcome { sleeper.continuation.resume(with: outcome) }
    }

    private func cancel(_ id: UInt64) {
        let sleeper = state.withLock { state in
            let sleeper = state.sleepers.removeValue(forKey: id)
            if sleeper == nil { state.cancelled.insert(id) }
            return sleeper
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }
}

private struct ManualWallClock: WallClock {
    let clock: ManualClock

    func now() -> Timestamp { clock.timestamp }
}
