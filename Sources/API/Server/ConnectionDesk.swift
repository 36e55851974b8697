import Domain
import Metrics
import NIOCore
import Synchronization
import Telemetry

/// Takes a listener's new connections or sends them away, as ``ConnectionQuota`` decides.
final class ConnectionDesk: Sendable {
    /// The connection was sent away.
    struct Refused: Error {}

    private let quota: Mutex<ConnectionQuota>
    private let total: Int
    private let perAddress: Int
    private let gauge: Gauge
    private let open = Mutex(0)

    init(_ configuration: APIConfiguration, listener: String) {
        gauge = Gauge(label: MetricName.connections, dimensions: [(MetricLabel.listener, listener)])
        total = configuration.connections
        perAddress = configuration.connectionsPerAddress
        quota = Mutex(ConnectionQuota(total: total, perAddress: perAddress))
    }

    /// - Parameter isPlain: whether the client would understand an answer before it has said anything: not before TLS.
    /// - Returns: why the connection must end, to tell the client; nil: it is taken.
    /// - Throws: ``Refused`` if there is nothing to tell; the connection is closed.
    func welcome(_ channel: any Channel, isPlain: Bool) throws -> RelayError? {
        let group = AddressGroup(channel.remoteAddress?.bytes ?? [])
        switch quota.withLock({ $0.opened(from: group) }) {
        case .taken:
            count(1)
            channel.closeFuture.whenComplete { [self] _ in
                quota.withLock { $0.closed(from: group) }
                count(-1)
            }
            return nil
        case .refused(let limit, let answers):
            RefusalCount.add(.tooManyConnections)
            if answers {
                channel.closeFuture.whenComplete { [self] _ in quota.withLock { $0.farewellEnded() } }
                if isPlain { return error(limit) }
            }
            channel.close(promise: nil)
            throw Refused()
        }
    }

    private func count(_ change: Int) {
        gauge.record(
            open.withLock {
                $0 += change
                return $0
            })
    }

    private func error(_ limit: ConnectionQuota.Limit) -> RelayError {
        let what =
            switch limit {
            case .total: "\(total) connections are open, as many as server.connections allows."
            case .address: "Your address has \(perAddress) connections open, as many as it may."
            }
        return RelayError(
            .tooManyConnections, what,
            remedy: "Use connections again or retry later; server.connections and its like set the limits.",
            retryAfter: .seconds(1))
    }
}

extension SocketAddress {
    /// In network order; empty for what is no internet address. They stand behind family, port and, in IPv6, flow label.
    fileprivate var bytes: [UInt8] {
        switch self {
        case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
        case .unixDomainSocket: []
        }
    }
}
