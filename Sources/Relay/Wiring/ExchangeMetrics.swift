import Domain
import Metrics
import Synchronization
import Telemetry
import Upstream

/// Keeps the metrics of exchanges with the upstream. Series are looked up once, not at every exchange.
///
/// What was counted of an egress path that is taken out of the configuration stays; its gauges go.
final class ExchangeMetrics: TransportObserver {
    private struct Outcome: Hashable {
        let failure: TransportFailure.Kind?
        let connection: ExchangeReport.Connection
    }

    /// The series of one egress path.
    private struct Series {
        let resolve: Recorder
        let connect: Recorder
        let tunnel: Recorder
        let tls: Recorder
        let firstByte: Recorder
        let betweenBytes: Recorder
        let total: Recorder
        let repeats: Counter
        let callsOnConnection: Recorder
        var exchanges: [Outcome: Counter] = [:]

        init(path: String, factory: any MetricsFactory) {
            let label = (MetricLabel.path, path)
            func phase(_ name: String) -> Recorder {
                Recorder(
                    label: MetricName.exchangePhases, dimensions: [label, (MetricLabel.phase, name)], factory: factory)
            }
            resolve = phase("resolve")
            connect = phase("connect")
            tunnel = phase("tunnel")
            tls = phase("tls")
            firstByte = phase("first_byte")
            betweenBytes = phase("between_bytes")
            total = phase("total")
            repeats = Counter(label: MetricName.exchangeRepeats, dimensions: [label], factory: factory)
            callsOnConnection = Recorder(
                label: MetricName.callsOnConnection, dimensions: [label], factory: factory)
        }
    }

    private struct State {
        var series: [String: Series] = [:]
        /// How many each path has now.
        var sockets: [String: SocketChange] = [:]
        var gauges: [String: SocketGauges] = [:]
        /// The egress paths that calls may go over; nil for any.
        var kept: Set<String>?

        func tells(_ path: String) -> Bool { kept?.contains(path) ?? true }
    }

    private let factory: any MetricsFactory
    private let state = Mutex(State())

    init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
    }

    func exchangeEnded(_ report: ExchangeReport) {
        update(report.path) { count(report, in: &$0) }
    }

    func connected(_ report: ConnectionReport) {
        update(report.path) { series in
            let phases = report.phases
            if let resolve = phases.resolve { series.resolve.record(resolve.seconds) }
            series.connect.record(phases.connect.seconds)
            if let tunnel = phases.tunnel { series.tunnel.record(tunnel.seconds) }
            if let tls = phases.tls { series.tls.record(tls.seconds) }
        }
        counter(
            MetricName.connectionsMade, of: report.path,
            (MetricLabel.family, report.family.rawValue), (MetricLabel.session, report.session.rawValue)
        ).increment()
    }

    func resolving(path: String, isRemembered: Bool) {
        counter(MetricName.lookups, of: path, (MetricLabel.source, isRemembered ? "memory" : "resolver")).increment()
    }

    func socketsChanged(_ change: SocketChange) {
        state.withLock { state in
            let now = state.sockets[change.path]?.adding(change) ?? change
            state.sockets[change.path] = now
            guard state.tells(change.path) else { return }
            let gauges = state.gauges[change.path] ?? SocketGauges(path: change.path, factory: factory)
            state.gauges[change.path] = gauges
            gauges.record(now)
        }
    }

    func pathsKept(_ ids: Set<String>) {
        state.withLock { state in
            state.kept = ids
            for path in state.gauges.keys where !ids.contains(path) {
                state.gauges.removeValue(forKey: path)?.forget()
            }
            for (path, now) in state.sockets where ids.contains(path) && state.gauges[path] == nil {
                let gauges = SocketGauges(path: path, factory: factory)
                state.gauges[path] = gauges
                gauges.record(now)
            }
        }
    }

    private func update(_ path: String, _ body: (inout Series) -> Void) {
        state.withLock { body(&$0.series[path, default: Series(path: path, factory: factory)]) }
    }

    private func count(_ report: ExchangeReport, in series: inout Series) {
        if report.callsOnConnection > 0 { series.callsOnConnection.record(report.callsOnConnection) }
        if let firstByte = report.firstByte { series.firstByte.record(firstByte.seconds) }
        if let gap = report.longestGap { series.betweenBytes.record(gap.seconds) }
        if report.failure == nil { series.total.record(report.total.seconds) }
        if report.repeats > 0 { series.repeats.increment(by: report.repeats) }
        let outcome = Outcome(failure: report.failure, connection: report.connection)
        if let known = series.exchanges[outcome] { return known.increment() }
        let made = counter(
            MetricName.exchanges, of: report.path,
            (MetricLabel.outcome, report.failure?.rawValue ?? "complete"),
            (MetricLabel.connection, report.connection.rawValue))
        made.increment()
        series.exchanges[outcome] = made
    }

    private func counter(_ name: String, of path: String, _ labels: (String, String)...) -> Counter {
        Counter(label: name, dimensions: [(MetricLabel.path, path)] + labels, factory: factory)
    }
}
