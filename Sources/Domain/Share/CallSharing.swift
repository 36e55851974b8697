/// Decides which requests share one call to the upstream.
///
/// The Claude API honours no idempotency key: an SDK that has lost its connection, or its patience, sends the request
/// again, and both are executed and billed. Here such a retry is attached to the call that still runs. A call that its
/// last client has left lives on for a grace, so that the retry finds it; its answer is kept until then.
package struct CallSharing: Sendable {
    /// Names one call.
    package typealias CallID = UInt64

    package enum Arrival: Hashable, Sendable {
        case begin(CallID)
        case attach(CallID)
    }

    package enum Departure: Hashable, Sendable {
        /// Others wait for it, or it is over.
        case none
        /// Nobody waits for it now; ``graceIsOver(_:absence:)`` is to be told after the grace.
        case linger(absence: Int)
        /// Nobody waits for it, nor shall it be waited for: cancel it.
        case abandon
    }

    private struct Call: Sendable {
        let request: SharedRequest
        /// The highest count of retries among its clients.
        var retries: Int
        var clients = 1
        /// How often its last client has left it.
        var absences = 0
    }

    private let lingers: Bool
    /// Calls that may live on without a client at one time, and the bytes of their requests.
    private let lingerLimit: Int
    private let lingerBytes: Int
    private var calls: [CallID: Call] = [:]
    private var byRequest: [SharedRequest: [CallID]] = [:]
    private var lastID: CallID = 0
    /// Calls without a client, and the bytes of their requests.
    private var lingering = 0
    private var lingeringBytes = 0

    /// - Parameter lingers: whether a call that its last client has left lives on.
    package init(lingers: Bool, lingerLimit: Int = 256, lingerBytes: Int = 64 << 20) {
        self.lingers = lingers
        self.lingerLimit = lingerLimit
        self.lingerBytes = lingerBytes
    }

    /// A first try always begins a call of its own: a program may well ask the same twice and want two answers. A retry
    /// is attached to an equal call with fewer retries, rather to one without clients, rather to an older one.
    /// - Parameter retryCount: what the SDK says of itself; 0 for a first try.
    package mutating func arrive(_ request: SharedRequest, retryCount: Int) -> Arrival {
        if retryCount > 0, let id = candidate(for: request, below: retryCount) {
            if calls[id]?.clients == 0 { countLingering(-1, of: request) }
            calls[id]?.clients += 1
            calls[id]?.retries = retryCount
            return .attach(id)
        }
        lastID += 1
        calls[lastID] = Call(request: request, retries: retryCount)
        byRequest[request, default: []].append(lastID)
        return .begin(lastID)
    }

    /// A client does not wait for the call any more.
    package mutating func leave(_ id: CallID) -> Departure {
        guard var call = calls[id], call.clients > 0 else { return .none }
        guard call.clients == 1 else {
            calls[id]?.clients -= 1
            return .none
        }
        guard lingers, lingering < lingerLimit, lingeringBytes + call.request.bytes <= lingerBytes else {
            forget(id)
            return .abandon
        }
        countLingering(1, of: call.request)
        call.clients = 0
        call.absences += 1
        calls[id] = call
        return .linger(absence: call.absences)
    }

    /// - Returns: whether the call, or its answer, is to be dropped: nobody has come back since.
    package mutating func graceIsOver(_ id: CallID, absence: Int) -> Bool {
        guard let call = calls[id], call.clients == 0, call.absences == absence else { return false }
        forget(id)
        return true
    }

    /// The call has its outcome.
    /// - Parameter isWorthKeeping: a failure, for example, is not kept for whoever may come.
    /// - Returns: whether the outcome is to be kept until the grace is over, or until it is taken.
    package mutating func end(_ id: CallID, isWorthKeeping: Bool) -> Bool {
        guard let call = calls[id] else { return false }
        guard call.clients == 0, isWorthKeeping else {
            forget(id)
            return false
        }
        return true
    }

    /// A kept outcome was taken by the client that was attached.
    package mutating func taken(_ id: CallID) {
        forget(id)
    }

    private func candidate(for request: SharedRequest, below retryCount: Int) -> CallID? {
        let equal = (byRequest[request] ?? []).filter { (calls[$0]?.retries ?? .max) < retryCount }
        return equal.first { calls[$0]?.clients == 0 } ?? equal.first
    }

    private mutating func countLingering(_ change: Int, of request: SharedRequest) {
        lingering += change
        lingeringBytes += change * request.bytes
    }

    private mutating func forget(_ id: CallID) {
        guard let call = calls.removeValue(forKey: id) else { return }
        if call.clients == 0 { countLingering(-1, of: call.request) }
        let left = (byRequest[call.request] ?? []).filter { $0 != id }
        byRequest[call.request] = left.isEmpty ? nil : left
    }
}
