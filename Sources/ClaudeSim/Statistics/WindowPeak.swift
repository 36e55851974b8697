/// The highest number of events in any span of one second, exact over their times.
///
/// A span is half open: an event counts until exactly one second after it. Memory is bounded: with `capacity` events
/// inside one second, ``peak`` stays at the capacity and ``isSaturated`` says so.
struct WindowPeak: Sendable {
    private(set) var peak = 0
    private(set) var isSaturated = false

    private static let span = Duration.seconds(1)
    private let capacity: Int
    private var ring: [Duration] = []
    private var oldest = 0
    private var count = 0

    /// - Parameter capacity: events remembered, at least 1. The ring starts small and doubles up to it.
    init(capacity: Int = 1 << 20) {
        self.capacity = max(1, capacity)
    }

    /// `time` counts from any fixed origin and never runs backwards.
    mutating func record(at time: Duration) {
        while count > 0 && time - ring[oldest] >= Self.span { dropOldest() }
        if count == ring.count && !grow() {
            isSaturated = true
            dropOldest()
        }
        ring[(oldest + count) % ring.count] = time
        count += 1
        peak = max(peak, count)
    }

    private mutating func dropOldest() {
        oldest = (oldest + 1) % ring.count
        count -= 1
    }

    private mutating func grow() -> Bool {
        guard ring.count < capacity else { return false }
        let inOrder = (0..<count).map { ring[(oldest + $0) % ring.count] }
        let size = min(capacity, max(16, ring.count * 2))
        ring = inOrder + Array(repeating: .zero, count: size - count)
        oldest = 0
        return true
    }
}
