import Glibc
import Synchronization

/// The live line on a terminal: once a second what happened in the last one.
struct StatusLine: Sendable {
    private let simulator: Simulator

    init(_ simulator: Simulator) {
        self.simulator = simulator
    }

    func run() async throws {
        var before = 0
        while true {
            try await Task.sleep(for: .seconds(1))
            let (requests, executed, inFlight, statuses) = simulator.state.withLock {
                ($0.statistics.requests, $0.statistics.executed, $0.inFlight, $0.statistics.statuses)
            }
            let rate = max(0, requests - before)
            before = requests
            let byStatus = statuses.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " ")
            let line = "\(rate) req/s  \(requests) requests  \(executed) executed  \(inFlight) in flight  \(byStatus)"
            let text = Array("\r\u{1B}[K\(line)".utf8)
            _ = write(STDERR_FILENO, text, text.count)
        }
    }
}
