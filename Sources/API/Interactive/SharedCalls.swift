import Domain
import HTTPTypes
import Metrics
import Synchronization
import Telemetry

/// The calls that retries of SDKs may be attached to, while they run. What is shared is decided by ``CallSharing``.
final class SharedCalls: Sendable {
    fileprivate typealias Outcome = Result<Answer, any Error>
    fileprivate typealias Waiter = AsyncStream<Outcome>.Continuation

    fileprivate struct Running {
        /// Of the client that began it.
        let requestID: String
        var task: Task<Void, Never>?
        var waiters: [UInt64: Waiter] = [:]
        /// Kept for a client that may come back.
        var outcome: Outcome?
    }

    fileprivate struct State {
        var sharing: CallSharing
        var calls: [CallSharing.CallID: Running] = [:]
        var lastWaiter: UInt64 = 0
    }

    private let grace: Duration
    private let clock: any Clock<Duration>
    private let state: Mutex<State>

    /// - Parameter grace: how long a call lives on after its last client has left; zero for not at all.
    init(grace: Duration, clock: any Clock<Duration>) {
        self.grace = grace
        self.clock = clock
        state = Mutex(State(sharing: CallSharing(lingers: grace > .zero)))
    }

    /// Clients that wait for an outcome now.
    var waitingClients: Int { state.withLock { $0.calls.values.reduce(0) { $0 + $1.waiters.count } } }

    /// The outcome of `call`, or of the equal one that still runs if this is a retry.
    func answer(
        _ request: SharedRequest, retryCount: Int, requestID: String,
        call: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer {
        let (outcomes, waiter) = AsyncStream<Outcome>.makeStream()
        let place = state.withLock { $0.enter(waiter, request, retryCount, requestID) }
        if let attachedTo = place.attachedTo {
            Counter(label: MetricName.attachedRetries).increment()
            return try await wait(outcomes, place).attached(to: attachedTo)
        }
        // Not a child of this client's task: it may outlive it by the grace, and then be another's.
        let task = Task {
            do { end(place.call, .success(try await call())) } catch { end(place.call, .failure(error)) }
        }
        state.withLock { $0.calls[place.call]?.task = task }
        return try await wait(outcomes, place)
    }

    private func wait(_ outcomes: AsyncStream<Outcome>, _ place: Place) async throws -> Answer {
        for await outcome in outcomes { return try outcome.get() }
        leave(place)
        throw CancellationError()
    }

    private func end(_ id: CallSharing.CallID, _ outcome: Outcome) {
        let waiters = state.withLock { $0.end(id, outcome) }
        for waiter in waiters { waiter.yield(outcome) }
    }

    private func leave(_ place: Place) {
        let id = place.call
        let departure = state.withLock { state -> CallSharing.Departure in
            guard state.calls[id]?.waiters.removeValue(forKey: place.waiter) != nil else { return .none }
            return state.sharing.leave(id)
        }
        switch departure {
        case .none: break
        case .abandon: drop(id)
        case .linger(let absence):
            // The client's task is canceled; somebody else must wait the grace out.
            Task {
                try? await clock.sleep(for: grace)
                if state.withLock({ $0.sharing.graceIsOver(id, absence: absence) }) { drop(id) }
            }
        }
    }

    private func drop(_ id: CallSharing.CallID) {
        state.withLock { $0.calls.removeValue(forKey: id) }?.task?.cancel()
    }
}

extension SharedCalls {
    /// A client's place at a call.
    fileprivate struct Place {
        let call: CallSharing.CallID
        let waiter: UInt64
        /// The request that began the call, if it was another one.
        var attachedTo: String?
    }
}

extension SharedCalls.State {
    fileprivate mutating func enter(
        _ waiter: SharedCalls.Waiter, _ request: SharedRequest, _ retryCount: Int, _ requestID: String
    ) -> SharedCalls.Place {
        lastWaiter += 1
        switch sharing.arrive(request, retryCount: retryCount) {
        case .begin(let id):
            calls[id] = SharedCalls.Running(requestID: requestID, waiters: [lastWaiter: waiter])
            return SharedCalls.Place(call: id, waiter: lastWaiter)
        case .attach(let id):
            let first = calls[id]?.requestID
            if let outcome = calls[id]?.outcome {
                waiter.yield(outcome)
                sharing.taken(id)
                calls[id] = nil
            } else {
                calls[id]?.waiters[lastWaiter] = waiter
            }
            return SharedCalls.Place(call: id, waiter: lastWaiter, attachedTo: first ?? requestID)
        }
    }

    /// - Returns: who waits for the outcome.
    fileprivate mutating func end(_ id: CallSharing.CallID, _ outcome: SharedCalls.Outcome) -> [SharedCalls.Waiter] {
        guard let call = calls[id] else { return [] }
        if sharing.end(id, isWorthKeeping: outcome.isWorthKeeping) {
            calls[id]?.outcome = outcome
        } else {
            calls[id] = nil
        }
        return Array(call.waiters.values)
    }
}

extension Result<Answer, any Error> {
    /// Larger answers are not kept for a client that may never come.
    private static var keptBytes: Int { 1 << 20 }

    fileprivate var isWorthKeeping: Bool {
        guard case .success(.full(let status, _, let body)) = self else { return false }
        return (200..<300).contains(status) && body.count <= Self.keptBytes
    }
}

extension Answer {
    /// The answer as a client gets it that was attached to the call of the request `id`.
    fileprivate func attached(to id: String) -> Answer {
        guard case .full(let status, var headers, let body) = self else { return self }
        headers[.relayAttachedTo] = id
        return .full(status: status, headers: headers, body: body)
    }
}
