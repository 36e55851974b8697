import Domain
import Metrics
import Synchronization
import Telemetry
import Upstream

/// What `/metrics` says of keys and ways out, as this process sees them: looked up when it is asked for.
final class GatewayGauges: Sendable {
    private let gateway: any UpstreamGateway
    private let factory: any MetricsFactory
    /// The egress paths that were told of last.
    private let paths = Mutex<Set<String>>([])

    init(gateway: any UpstreamGateway, factory: any MetricsFactory = MetricsSystem.factory) {
        self.gateway = gateway
        self.factory = factory
    }

    func record(at now: Timestamp) {
        let status = gateway.status()
        for path in status.paths {
            gauge(MetricName.egressCalls, of: path.id).record(Double(path.inFlight))
            gauge(MetricName.egressState, of: path.id).record(path.state.number)
        }
        forgetPaths(but: Set(status.paths.map(\.id)))
        record(MetricName.keys, state: "usable", status.keys.count { $0.outage == nil })
        for reason in KeyOutage.Reason.allCases {
            record(MetricName.keys, state: reason.rawValue, status.keys.count { $0.outage?.reason == reason })
        }
        gauge(MetricName.callsInFlight).record(Double(status.inFlight))
        gauge(MetricName.overloadRest).record(status.overloadedUntil.map { $0.duration(since: now).seconds } ?? 0)
    }

    /// Those that were taken out of the configuration are told of no more.
    private func forgetPaths(but present: Set<String>) {
        paths.withLock { known in
            for path in known.subtracting(present) {
                for name in [MetricName.egressCalls, MetricName.egressState] { gauge(name, of: path).destroy() }
            }
            known = present
        }
    }

    private func record(_ name: String, state: String, _ count: Int) {
        gauge(name, [(MetricLabel.state, state)]).record(Double(count))
    }

    private func gauge(_ name: String, of path: String) -> Gauge { gauge(name, [(MetricLabel.path, path)]) }

    private func gauge(_ name: String, _ labels: [(String, String)] = []) -> Gauge {
        Gauge(label: name, dimensions: labels, factory: factory)
    }
}

extension EgressPool.State {
    fileprivate var number: Double {
        switch self {
        case .passing: 0
        case .probing: 1
        case .tripped: 2
        case .out: 3
        }
    }
}
