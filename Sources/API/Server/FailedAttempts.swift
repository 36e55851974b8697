import Domain
import Synchronization

/// The process's count of credentials that did not hold.
final class FailedAttempts: Sendable {
    private let throttle: Mutex<FailureThrottle>
    private let elapsed: @Sendable () -> Duration

    /// - Parameter limit: those of one address within a minute that are answered as such.
    init(limit: Int, clock: any Clock<Duration>) {
        throttle = Mutex(FailureThrottle(limit: limit))
        let watch = Stopwatch(clock)
        elapsed = { watch.elapsed }
    }

    func record(from address: [UInt8]) -> FailureThrottle.Answer {
        let now = elapsed()
        return throttle.withLock { $0.failed(from: address, at: now) }
    }
}
