import Synchronization

@testable import Upstream

/// Keeps what a transport tells.
final class ExchangeListener: TransportObserver {
    let reports = Mutex<[ExchangeReport]>([])
    let connections = Mutex<[ConnectionReport]>([])
    let sockets = Mutex<[SocketChange]>([])
    /// For each name that was needed, whether its address was remembered.
    let lookups = Mutex<[Bool]>([])
    let kept = Mutex<[Set<String>]>([])

    func exchangeEnded(_ report: ExchangeReport) { reports.withLock { $0.append(report) } }
    func connected(_ report: ConnectionReport) { connections.withLock { $0.append(report) } }
    func resolving(path: String, isRemembered: Bool) { lookups.withLock { $0.append(isRemembered) } }
    func socketsChanged(_ change: SocketChange) { sockets.withLock { $0.append(change) } }
    func pathsKept(_ ids: Set<String>) { kept.withLock { $0.append(ids) } }

    /// What has been told of sockets, as triples of what became more: open, connecting, idle.
    var changes: [[Int]] { sockets.withLock { $0.map { [$0.open, $0.connecting, $0.idle] } } }
}
