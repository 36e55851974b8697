import CoreMetrics
import Domain
import Synchronization

/// The present value of one series.
final class MetricCell: CounterHandler, RecorderHandler, TimerHandler {
    enum Kind: Hashable, Sendable {
        case counter
        case gauge
        /// With its buckets' upper bounds, ascending.
        case histogram([Double])

        var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Value {
        /// A counter's sum or a gauge's last value.
        var number = 0.0
        var sum = 0.0
        /// Observations a bucket, not accumulated; the last is beyond all bounds.
        var buckets: [Int]
    }

    let kind: Kind
    private let value: Mutex<Value>

    init(kind: Kind) {
        self.kind = kind
        let bounds = if case .histogram(let bounds) = kind { bounds.count } else { 0 }
        value = Mutex(Value(buckets: [Int](repeating: 0, count: bounds + 1)))
    }

    func increment(by amount: Int64) {
        value.withLock { $0.number += Double(amount) }
    }

    func reset() {
        value.withLock { $0.number = 0 }
    }

    func record(_ value: Int64) {
        record(Double(value))
    }

    func record(_ number: Double) {
        guard case .histogram(let bounds) = kind else { return value.withLock { $0.number = number } }
        let bucket = bounds.firstIndex { number <= $0 } ?? bounds.count
        value.withLock { value in
            value.buckets[bucket] += 1
            value.sum += number
        }
    }

    func recordNanoseconds(_ duration: Int64) {
        record(Double(duration) / 1_000_000)
    }

    /// This series in the text format.
    func lines(of series: MetricSeries) -> String {
        let now = value.withLock { $0 }
        guard case .histogram(let bounds) = kind else { return series.line(value: now.number.plainText) }
        var text = ""
        var count = 0
        for (bound, observed) in zip(bounds.map(\.plainText) + ["+Inf"], now.buckets) {
            count += observed
            text += series.line(suffix: "_bucket", extraLabel: #"le="\#(bound)""#, value: String(count))
        }
        return text + series.line(suffix: "_sum", value: now.sum.plainText)
            + series.line(suffix: "_count", value: String(count))
    }
}
