import Domain
import Metrics
import Telemetry
import Upstream

/// What `/metrics` says of keys and ways out, as this process sees them: looked up when it is asked for.
struct GatewayGauges: Sendable {
    let gateway: any UpstreamGateway

    func record(at now: Timestamp) {
        let status = gateway.status()
        for path in status.paths {
            let labels = [(MetricLabel.path, path.id)]
            gauge(MetricName.egressCalls, labels, Double(path.inFlight))
            gauge(MetricName.egressState, labels, path.state.number)
        }
        gauge(MetricName.keys, [(MetricLabel.state, "usable")], Double(status.keys.count { $0.outage == nil }))
        for reason in KeyOutage.Reason.allCases {
            let count = status.keys.count { $0.outage?.reason == reason }
            gauge(MetricName.keys, [(MetricLabel.state, reason.rawValue)], Double(count))
        }
        gauge(MetricName.callsInFlight, [], Double(status.inFlight))
        gauge(MetricName.overloadRest, [], status.overloadedUntil.map { $0.duration(since: now).seconds } ?? 0)
    }

    private func gauge(_ name: String, _ labels: [(String, String)], _ value: Double) {
        Gauge(label: name, dimensions: labels).record(value)
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
