import Domain
import Metrics
import Synchronization
import Telemetry
import Upstream

/// Keeps the metrics of exchanges with the upstream. Series are looked up once, not at every exchange.
final class ExchangeMetrics: TransportObserver {
    private struct Outcome: Hashable {
        let failure: TransportFailure.Kind?
        let connection: ExchangeReport.Connection
    }

    /// The series of one egress path.
    private struct Series {
        let connect: Recorder
        let tls: Recorder
        let firstByte: Recorder
        let betweenBytes: Recorder
        let total: Recorder
        let repeats: Counter
        let callsOnConnection: Recorder
        let sockets: Gauge
        let idleSockets: Gauge
        var open = 0
        var idle = 0
        var exchanges: [Outcome: Counter] = [:]

        init(path: String) {
            let label = (MetricLabel.path, path)
            func phase(_ name: String) -> Recorder {
                Recorder(label: MetricName.exchangePhases, dimensions: [label, (MetricLabel.phase, name)])
            }
            connect = phase("connect")
            tls = phase("tls")
            firstByte = phase("first_byte")
            betweenBytes = phase("between_bytes")
            total = phase("total")
            repeats = Counter(label: MetricName.exchangeRepeats, dimensions: [label])
            callsOnConnection = Recorder(label: MetricName.callsOnConnection, dimensions: [label])
            sockets = Gauge(label: MetricName.sockets, dimensions: [label])
            idleSockets = Gauge(label: MetricName.idleSockets, dimensions: [label])
        }
    }

    private let paths = Mutex<[String: Series]>([:])

    func exchangeEnded(_ report: ExchangeReport) {
        paths.withLock { paths in
            Self.count(report, in: &paths[report.path, default: Series(path: report.path)])
        }
    }

    func socketsChanged(path: String, open: Int, idle: Int) {
        paths.withLock { paths in
            var series = paths[path] ?? Series(path: path)
            series.open += open
            series.idle += idle
            if open != 0 { series.sockets.record(series.open) }
            if idle != 0 { series.idleSockets.record(series.idle) }
            paths[path] = series
        }
    }

    private static func count(_ report: ExchangeReport, in series: inout Series) {
        if let connect = report.connect { series.connect.record(connect.seconds) }
        if let tls = report.tls { series.tls.record(tls.seconds) }
        if report.callsOnConnection > 0 { series.callsOnConnection.record(report.callsOnConnection) }
        if let firstByte = report.firstByte { series.firstByte.record(firstByte.seconds) }
        if let gap = report.longestGap { series.betweenBytes.record(gap.seconds) }
        if report.failure == nil { series.total.record(report.total.seconds) }
        if report.repeats > 0 { series.repeats.increment(by: report.repeats) }
        let outcome = Outcome(failure: report.failure, connection: report.connection)
        if let known = series.exchanges[outcome] { return known.increment() }
        let made = Counter(
            label: MetricName.exchanges,
            dimensions: [
                (MetricLabel.path, report.path), (MetricLabel.outcome, report.failure?.rawValue ?? "complete"),
                (MetricLabel.connection, report.connection.rawValue),
            ])
        made.increment()
        series.exchanges[outcome] = made
    }
}
