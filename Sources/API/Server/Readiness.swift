import Synchronization

/// Whether the process still wants requests.
final class Readiness: Sendable {
    private let draining = Mutex(false)

    var isDraining: Bool { draining.withLock { $0 } }

    func drain() {
        draining.withLock { $0 = true }
    }
}
