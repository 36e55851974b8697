import Synchronization

@testable import Upstream

/// Keeps what a transport tells.
final class ExchangeListener: TransportObserver {
    let reports = Mutex<[ExchangeReport]>([])
    let sockets = Mutex<[SocketTable.Change]>([])

    func exchangeEnded(_ report: ExchangeReport) { reports.withLock { $0.append(report) } }

    func socketsChanged(path: String, open: Int, idle: Int) {
        sockets.withLock { $0.append(SocketTable.Change(path: path, open: open, idle: idle)) }
    }

    /// What has been told of sockets, as pairs of what became more.
    var changes: [[Int]] { sockets.withLock { $0.map { [$0.open, $0.idle] } } }
}
