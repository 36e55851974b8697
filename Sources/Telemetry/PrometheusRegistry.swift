package import CoreMetrics
import Synchronization

/// The back end of swift-metrics that `/metrics` prints: every counter, gauge and histogram of the process, in the
/// Prometheus text format 0.0.4.
///
/// At most ``seriesLimit`` series are kept; whatever else is recorded goes to nowhere and is counted.
package final class PrometheusRegistry: MetricsFactory {
    /// Combinations of name and labels.
    package static let seriesLimit = 10_000
    private static let overflowName = "relay_metric_series_refused_total"

    private struct State {
        var series: [MetricSeries: MetricCell] = [:]
        var refused: Int64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, dimensions, kind: .counter)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return cell(label, dimensions, kind: .gauge) }
        return cell(label, dimensions, kind: .histogram(MetricName.buckets[label] ?? MetricName.defaultBuckets))
    }

    /// Recorded in nanoseconds by swift-metrics, kept in milliseconds.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, dimensions, kind: .histogram(MetricName.buckets[label] ?? MetricName.defaultBuckets))
    }

    package func destroyCounter(_ handler: any CounterHandler) {}

    /// Forgets a gauge, for what it tells of is no more. What was counted in a histogram stays.
    package func destroyRecorder(_ handler: any RecorderHandler) {
        guard let cell = handler as? MetricCell, cell.kind == .gauge else { return }
        state.withLock { state in
            guard let series = state.series.first(where: { $0.value === cell })?.key else { return }
            state.series[series] = nil
        }
    }

    package func destroyTimer(_ handler: any TimerHandler) {}

    private func cell(_ name: String, _ labels: [(String, String)], kind: MetricCell.Kind) -> MetricCell {
        let series = MetricSeries(name: name, labels: labels)
        return state.withLock { state in
            if let known = state.series[series] { return known }
            let cell = MetricCell(kind: kind)
            if state.series.count < Self.seriesLimit {
                state.series[series] = cell
            } else {
                state.refused += 1
            }
            return cell
        }
    }

    /// All series, by name and then by label.
    package func renderText() -> String {
        let (series, refused) = state.withLock { ($0.series, $0.refused) }
        var text = ""
        let sorted = series.sorted { $0.key < $1.key }
        var name: String?
        for (series, cell) in sorted {
            if series.name != name {
                name = series.name
                if let help = MetricName.help[series.name] { text += "# HELP \(series.name) \(help)\n" }
                text += "# TYPE \(series.name) \(cell.kind.word)\n"
            }
            text += cell.lines(of: series)
        }
        if refused > 0 { text += "# TYPE \(Self.overflowName) counter\n\(Self.overflowName) \(refused)\n" }
        return text
    }
}
