import Domain
import Metrics
import Synchronization
import Telemetry

/// Counts calls and the time they take. Series are looked up once, not at every call.
final class CallMetrics: Sendable {
    private struct Series: Hashable {
        let status: Int
        let method: String
    }

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    private let counters = Mutex<[Series: Counter]>([:])
    private let times = Recorder(label: MetricName.responseTime)

    /// - Parameter method: whatever the client sent; unusual ones are counted together.
    func record(_ status: Int, _ method: String, _ elapsed: Duration) {
        let method = Self.methods.contains(method) ? method : "other"
        counter(Series(status: status, method: method)).increment()
        times.record(elapsed.seconds * 1000)
    }

    private func counter(_ series: Series) -> Counter {
        counters.withLock { counters in
            if let known = counters[series] { return known }
            let labels = [(MetricLabel.statusCode, String(series.status)), (MetricLabel.method, series.method)]
            let made = Counter(label: MetricName.requests, dimensions: labels)
            counters[series] = made
            return made
        }
    }
}
