/// How often each distinct body was tried and executed, for a bounded number of bodies.
struct ExecutionTable: Sendable {
    struct Counts: Hashable, Sendable {
        var attempts: UInt32 = 0
        var executions: UInt32 = 0
    }

    let capacity: Int
    /// Attempts whose body found the table full; such a body has no history and every attempt is its first.
    private(set) var untracked = 0
    /// `histogram[n]` bodies were executed exactly `n` times, for n ≥ 1.
    private(set) var histogram: [UInt32: Int] = [:]
    private var table: [Fingerprint: Counts] = [:]

    /// - Parameter capacity: distinct bodies remembered, at least 1.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// Distinct bodies that were executed at least once.
    var distinctExecuted: Int { histogram.values.reduce(0, +) }
    var maxExecutions: UInt32 { histogram.keys.max() ?? 0 }

    func counts(of body: Fingerprint) -> Counts? { table[body] }

    /// - Returns: which attempt of this body it is, counted from 1.
    mutating func recordAttempt(of body: Fingerprint) -> UInt64 {
        if table.count < capacity {
            table[body, default: Counts()].attempts &+= 1
        } else if table[body] != nil {
            table[body]?.attempts &+= 1
        } else {
            untracked += 1
            return 1
        }
        return UInt64(table[body]?.attempts ?? 1)
    }

    mutating func recordExecution(of body: Fingerprint) {
        guard let before = table[body]?.executions else { return }
        table[body]?.executions = before + 1
        if before > 0 { histogram[before, default: 0] -= 1 }
        if histogram[before] == 0 { histogram[before] = nil }
        histogram[before + 1, default: 0] += 1
    }
}
