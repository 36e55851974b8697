import Domain
import Metrics
import Telemetry

/// Counts what was refused before it was read as a request. Rare, so nothing is kept for it.
enum RefusalCount {
    static func add(_ code: ErrorCode) {
        Counter(label: MetricName.refusals, dimensions: [(MetricLabel.code, code.rawValue)]).increment()
    }
}
