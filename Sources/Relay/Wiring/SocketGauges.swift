import Metrics
import Telemetry
import Upstream

/// How many sockets one egress path has. It is counted always, and told while the path is in use.
struct SocketGauges {
    private let all: Gauge
    private let connecting: Gauge
    private let idle: Gauge

    init(path: String, factory: any MetricsFactory) {
        func gauge(_ name: String) -> Gauge {
            Gauge(label: name, dimensions: [(MetricLabel.path, path)], factory: factory)
        }
        all = gauge(MetricName.sockets)
        connecting = gauge(MetricName.connectingSockets)
        idle = gauge(MetricName.idleSockets)
    }

    func record(_ sockets: SocketChange) {
        all.record(sockets.open)
        connecting.record(sockets.connecting)
        idle.record(sockets.idle)
    }

    /// Takes them out of what is told.
    func forget() {
        for gauge in [all, connecting, idle] { gauge.destroy() }
    }
}
