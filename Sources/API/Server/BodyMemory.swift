import Domain
import Metrics
import Synchronization
import Telemetry

/// What this process holds of requests' bodies, and of answers that wait for their bodies' ends.
final class BodyMemory: Sendable {
    private let shares = Mutex(ByteShares())
    private let gauge = Gauge(label: MetricName.requestBytesHeld)

    var held: Int { shares.withLock { $0.held } }

    /// - Throws: `local_exhaustion` if there is no room for `new` bytes instead of `old` ones.
    func change(_ tenant: TenantID, from old: Int, to new: Int, of total: Int) throws(RelayError) {
        let isGranted = shares.withLock { shares in
            let isGranted = shares.change(tenant, from: old, to: new, of: total)
            gauge.record(shares.held)
            return isGranted
        }
        guard isGranted else { throw Self.exhausted(total) }
    }

    private static func exhausted(_ total: Int) -> RelayError {
        RelayError(
            .localExhaustion,
            "The relay holds \(total) bytes of requests at most, and as many for one tenant as it leaves to others.",
            remedy: "Retry after the delay, or send fewer or smaller requests at a time; limits.body_memory raises it.",
            retryAfter: .seconds(1))
    }
}

/// The part of ``BodyMemory`` that one request holds. Used by the task that answers it, and given back when that ends.
struct BodyHold {
    let memory: BodyMemory
    let tenant: TenantID
    /// Bytes that all requests may hold together.
    let total: Int
    private(set) var bytes = 0

    init(_ memory: BodyMemory, of tenant: TenantID, total: Int) {
        (self.memory, self.tenant, self.total) = (memory, tenant, total)
    }

    /// - Throws: `local_exhaustion`; then it holds what it held.
    mutating func set(_ bytes: Int) throws(RelayError) {
        guard bytes != self.bytes else { return }
        try memory.change(tenant, from: self.bytes, to: bytes, of: total)
        self.bytes = bytes
    }
}
