package import Domain
import Synchronization

/// Keys that their issuer publishes, in a file or under a URL, and changes at times.
///
/// They are read anew when they are older than their lifetime, and when a token names one that is not among them, but then
/// at most every 30 s. When reading fails, those that are known stay in use. A key that is no longer published verifies
/// nothing any more, whatever it has verified before.
package final class PublishedKeys: VerificationKeySource {
    /// What reading found.
    package enum Finding: Sendable {
        case keys(VerificationKeys)
        /// As they were.
        case unchanged
    }

    /// Reads what is published.
    package typealias Read = @Sendable () async throws -> Finding

    /// From one attempt to read to the next at least, unless the lifetime is shorter.
    package static let pause = Duration.seconds(30)

    private struct State {
        var keys = VerificationKeys([])
        var generation = 0
        /// When reading was last begun.
        var triedAt: Timestamp?
        var reading: Task<Void, Never>?
    }

    private let lifetime: Duration
    private let clock: any WallClock
    private let read: Read
    private let onFailure: @Sendable (any Error) -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - lifetime: how old the keys may become before they are read anew.
    ///   - onFailure: told of each reading that failed.
    package init(
        initial: VerificationKeys = VerificationKeys([]), lifetime: Duration, clock: any WallClock,
        onFailure: @escaping @Sendable (any Error) -> Void = { _ in }, read: @escaping Read
    ) {
        self.lifetime = lifetime
        self.clock = clock
        self.read = read
        self.onFailure = onFailure
        self.state = Mutex(State(keys: initial))
    }

    package func current() -> (keys: VerificationKeys, generation: Int) {
        state.withLock { ($0.keys, $0.generation) }
    }

    package func lookForNewer() async {
        await read(after: min(Self.pause, lifetime))
    }

    /// Reads the keys anew if they have become old. To be called from time to time.
    package func refresh() async {
        await read(after: lifetime)
    }

    private func read(after age: Duration) async {
        let now = clock.now()
        let reading: Task<Void, Never>? = state.withLock { state in
            if let reading = state.reading { return reading }
            // A clock that was set back must not keep old keys alive.
            if let tried = state.triedAt, tried <= now, now < tried.advanced(by: age) { return nil }
            state.triedAt = now
            // Not structured: whoever asks next waits for it too, and it must not end with the first who asked.
            let reading = Task { await readOnce() }
            state.reading = reading
            return reading
        }
        await reading?.value
    }

    private func readOnce() async {
        do {
            let finding = try await read()
            state.withLock { state in
                state.reading = nil
                guard case .keys(let keys) = finding else { return }
                state.keys = keys
                state.generation += 1
            }
        } catch {
            state.withLock { $0.reading = nil }
            onFailure(error)
        }
    }
}
