import Domain
import Synchronization

/// Where one exchange's engine and its reading task meet: the engine puts head, chunks and end, the task takes them.
///
/// The engine is told when the reader has caught up after a pause, and when nobody wants the answer any more.
final class AnswerMailbox: Sendable {
    struct Head: Sendable {
        let status: Int
        let headers: [HeaderField]
    }

    enum Ending: Sendable {
        case complete
        case failed(TransportFailure)

        var failure: TransportFailure? {
            if case .failed(let failure) = self { failure } else { nil }
        }
    }

    /// What the reader asks of the engine.
    enum Wish: Sendable {
        case resume
        case cancel
    }

    /// More unread bytes than this, and the network is made to wait.
    static let unreadLimit = 256 * 1024

    typealias HeadResult = Result<Head, TransportFailure>
    typealias ChunkResult = Result<[UInt8]?, TransportFailure>

    private struct State {
        var head: Head?
        var chunks: [[UInt8]] = []
        var unread = 0
        var isPaused = false
        var ending: Ending?
        var headWaiter: CheckedContinuation<HeadResult, Never>?
        var chunkWaiter: CheckedContinuation<ChunkResult, Never>?
    }

    private let state = Mutex(State())
    private let onWish: @Sendable (AnswerMailbox, Wish) -> Void

    init(onWish: @escaping @Sendable (AnswerMailbox, Wish) -> Void) {
        self.onWish = onWish
    }

    // MARK: The engine's side

    /// Hands over what has arrived since the last time, and wakes the reader once for all of it.
    func put(head: Head?, chunk: [UInt8], ending: Ending?) {
        let wake = state.withLock { state in
            if let head { state.head = head }
            if !chunk.isEmpty {
                state.chunks.append(chunk)
                state.unread += chunk.count
            }
            if let ending { state.ending = ending }
            return Self.takeWaiters(&state)
        }
        if let (waiter, result) = wake.head { waiter.resume(returning: result) }
        if let (waiter, result) = wake.chunk { waiter.resume(returning: result) }
    }

    /// Whether the unread bytes and `more` would be too many. If so, the reader will ask to ``Wish/resume`` once it has
    /// caught up. Never while nothing is unread, for then nobody would ask.
    func mustPause(for more: Int) -> Bool {
        state.withLock { state in
            if state.unread > 0, state.unread + more > Self.unreadLimit { state.isPaused = true }
            return state.isPaused
        }
    }

    private typealias Wake = (
        head: (CheckedContinuation<HeadResult, Never>, HeadResult)?,
        chunk: (CheckedContinuation<ChunkResult, Never>, ChunkResult)?
    )

    private static func takeWaiters(_ state: inout State) -> Wake {
        var wake: Wake = (nil, nil)
        if let waiter = state.headWaiter, let result = headResult(state) {
            state.headWaiter = nil
            wake.head = (waiter, result)
        }
        if let waiter = state.chunkWaiter, let result = takeChunk(&state) {
            state.chunkWaiter = nil
            wake.chunk = (waiter, result)
        }
        return wake
    }

    // MARK: The reader's side

    /// The head of the answer. Cancelling the task ends the exchange, which then fails as canceled.
    func head() async -> HeadResult {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    let ready = Self.headResult(state)
                    if ready == nil { state.headWaiter = continuation }
                    return ready
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// All unread bytes as one chunk; waits if there are none. nil at the clean end.
    func next() async -> ChunkResult {
        if let ready = takeChunk(orWait: nil) { return ready }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let ready = takeChunk(orWait: continuation) { continuation.resume(returning: ready) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Nobody wants the rest. Without effect after the end.
    func cancel() {
        if state.withLock({ $0.ending == nil }) { onWish(self, .cancel) }
    }

    /// What is there now; if nothing is, `waiter` gets what comes.
    private func takeChunk(orWait waiter: CheckedContinuation<ChunkResult, Never>?) -> ChunkResult? {
        let (ready, mayResume) = state.withLock { state in
            let ready = Self.takeChunk(&state)
            if ready == nil { state.chunkWaiter = waiter }
            defer { state.isPaused = false }
            return (ready, state.isPaused)
        }
        if mayResume { onWish(self, .resume) }
        return ready
    }

    private static func headResult(_ state: State) -> HeadResult? {
        if let head = state.head { return .success(head) }
        guard let ending = state.ending else { return nil }
        guard case .failed(let failure) = ending else {
            return .failure(TransportFailure(.malformed, maybeSent: true, detail: "the answer has no head"))
        }
        return .failure(failure)
    }

    /// Arrived bytes go before the ending, so that a reader sees all that came before a failure.
    private static func takeChunk(_ state: inout State) -> ChunkResult? {
        if !state.chunks.isEmpty {
            var chunk = state.chunks[0]
            for more in state.chunks.dropFirst() { chunk += more }
            state.chunks.removeAll(keepingCapacity: true)
            state.unread = 0
            return .success(chunk)
        }
        switch state.ending {
        case nil: return nil
        case .complete: return .success(nil)
        case .failed(let failure): return .failure(failure)
        }
    }
}
