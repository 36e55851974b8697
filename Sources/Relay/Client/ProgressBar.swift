import Domain
import Synchronization

/// A bar on standard error: redrawn in place at a terminal, a line every tenth of the way elsewhere.
final class ProgressBar: Sendable {
    private static let width = 32
    private let label: String
    private let total: Int
    private let isTerminal = StandardError.isTerminal
    private let state = Mutex(State())
    private let started = ContinuousClock.now

    private struct State {
        var done = 0
        var failed = 0
        var shownTenth = 0
        var shownAt: ContinuousClock.Instant?
    }

    /// - Parameter total: how many steps there are; at least 1.
    init(_ label: String, total: Int) {
        self.label = label
        self.total = max(1, total)
        draw(State())
    }

    /// - Parameters:
    ///   - count: steps done.
    ///   - failed: whether they count among the failures that the bar shows.
    func step(_ count: Int = 1, failed: Bool = false) {
        let now = ContinuousClock.now
        let drawn = state.withLock { state -> State? in
            state.done += count
            if failed { state.failed += count }
            guard isDue(state, at: now) else { return nil }
            state.shownAt = now
            state.shownTenth = 10 * state.done / total
            return state
        }
        if let drawn { draw(drawn) }
    }

    private func isDue(_ state: State, at now: ContinuousClock.Instant) -> Bool {
        if state.done == total { return true }
        if !isTerminal { return 10 * state.done / total > state.shownTenth }
        return state.shownAt.map { now - $0 > .milliseconds(100) } ?? true
    }

    private func draw(_ state: State) {
        let filled = Self.width * min(state.done, total) / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        let rate = Int(Double(state.done) / max(0.001, (ContinuousClock.now - started).seconds))
        let failures = state.failed > 0 ? ", \(state.failed) failed" : ""
        let line = "\(label) \(bar) \(state.done)/\(total) (\(rate)/s\(failures))"
        let isLast = state.done == total
        StandardError.write(isTerminal ? "\r\u{1B}[K\(line)\(isLast ? "\n" : "")" : "\(line)\n")
    }
}
