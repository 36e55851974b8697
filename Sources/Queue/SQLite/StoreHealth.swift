import Synchronization

/// What is known of whether the store can be written: by transactions, and by moving the log into the file. Each is
/// cleared by its own success alone.
final class StoreHealth: Sendable {
    private struct State {
        var transactions: WriteFailure?
        var checkpoints: WriteFailure?

        var worst: WriteFailure? { transactions ?? checkpoints }
    }

    private let state = Mutex(State())
    /// Called when writing begins to fail, with the reason, and when it works again, with nil.
    private let onChange: @Sendable (String?) -> Void

    init(onChange: @escaping @Sendable (String?) -> Void) {
        self.onChange = onChange
    }

    /// Why writing fails; nil if it does not.
    var failure: WriteFailure? { state.withLock { $0.worst } }

    /// How the last transaction ended. A damaged file stays one until the store is opened again.
    func noteTransaction(_ failure: WriteFailure?) {
        note { state in
            if state.transactions?.kind != .damage { state.transactions = failure }
        }
    }

    /// How the last checkpoint ended. A failed sync of the file stays one until the store is opened again.
    func noteCheckpoint(_ failure: WriteFailure?) {
        note { state in
            if state.checkpoints?.kind != .sync { state.checkpoints = failure }
        }
    }

    private func note(_ change: (inout State) -> Void) {
        let news = state.withLock { state -> WriteFailure?? in
            let before = state.worst
            change(&state)
            return before?.kind == state.worst?.kind ? .none : .some(state.worst)
        }
        if let news { onChange(news?.detail) }
    }
}
