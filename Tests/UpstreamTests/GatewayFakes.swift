import Domain
import Synchronization

@testable import Upstream

/// Answers from a script; remembers what it was asked.
final class FakeTransport: Transport {
    typealias Script = @Sendable (HTTPRequest, EgressPath) throws(TransportFailure) -> UpstreamReply
    private let script: Script
    private let sent = Mutex<[(request: HTTPRequest, path: String)]>([])

    var requests: [(request: HTTPRequest, path: String)] { sent.withLock { $0 } }

    init(_ script: @escaping Script) {
        self.script = script
    }

    func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        sent.withLock { $0.append((request, path.id)) }
        let reply = try script(request, path)
        let rest = Mutex<[UInt8]?>(reply.body)
        return HTTPAnswer(
            status: reply.status, headers: reply.headers,
            body: AnswerBody {
                rest.withLock { rest in
                    defer { rest = nil }
                    return rest
                }
            })
    }
}

/// Answers 401 to everything, when the test is ready for it.
struct SilentTransport: Transport {
    /// Called at each request; the answer comes when it returns.
    let wait: @Sendable (EgressPath) async -> Void

    init(wait: @escaping @Sendable (EgressPath) async -> Void) {
        self.wait = wait
    }

    func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
        await wait(path)
        return HTTPAnswer(status: 401, headers: [], body: AnswerBody { nil })
    }
}

/// The book of one process, one slot at a time; remembers what was given back, settled and learned.
final class FakeLedger: PacingLedger {
    private struct Unwritable: Error {}

    let scopes = Mutex<[PacingScope: ScopePacing]>([:])
    let returned = Mutex<[Int]>([])
    let settled = Mutex<[TokenCost?]>([])
    let learned = Mutex<[PacingScope]>([])
    /// No slots can be taken in these.
    let failing = Mutex<Set<PacingScope>>([])
    let renewals = Mutex(0)

    func takeSlots(_ request: SlotRequest, at now: Timestamp) async throws -> SlotOffer {
        if request.demands.contains(where: { demand in failing.withLock { $0.contains(demand.scope) } }) {
            throw Unwritable()
        }
        let one = SlotRequest(
            request.demands, limit: 1, cost: request.cost, urgency: request.urgency, horizon: request.horizon,
            holder: request.holder, style: request.style)
        return scopes.withLock { scopes in
            var states = one.demands.map { scopes[$0.scope] ?? ScopePacing() }
            let offer = one.take(from: &states, at: now)
            for (demand, state) in zip(one.demands, states) { scopes[demand.scope] = state }
            return offer
        }
    }

    func returnSlots(_ count: Int, of block: SlotBlock, by holder: String, at now: Timestamp) async throws {
        returned.withLock { $0.append(count) }
        for share in block.shares {
            update(share.scope) { $0.giveBack(count, of: block, share, by: holder, at: now) }
        }
    }

    func settle(
        _ index: Int, of block: SlotBlock, cost: TokenCost?, by holder: String, at now: Timestamp
    ) async throws {
        settled.withLock { $0.append(cost) }
        for share in block.shares {
            update(share.scope) { $0.settle(index, of: block, share, cost: cost, by: holder, at: now) }
        }
    }

    func learn(_ report: RateLimitReport, of scope: PacingScope, burst: Duration, at now: Timestamp) async throws {
        learned.withLock { $0.append(scope) }
        update(scope) { $0.learn(report, burst: burst, at: now) }
    }

    func pause(_ scope: PacingScope, until: Timestamp) async throws {
        update(scope) { $0.pause(until: until) }
    }

    func slowDown(_ scope: PacingScope, at now: Timestamp) async throws {
        update(scope) { $0.slowDown(at: now) }
    }

    func renew(_ holder: String, at now: Timestamp) async throws {
        renewals.withLock { $0 += 1 }
        scopes.withLock { for scope in $0.keys { $0[scope]?.renew(holder, at: now) } }
    }

    func standing(at now: Timestamp) async throws -> [ScopeStanding] {
        scopes.withLock { $0.compactMap { $1.standing(of: $0, at: now) } }
    }

    private func update(_ scope: PacingScope, _ change: (inout ScopePacing) -> Void) {
        scopes.withLock { change(&$0[scope, default: ScopePacing()]) }
    }
}

final class FakeKeyring: UpstreamKeyring {
    private let held: Mutex<[UpstreamKey]>

    init(_ keys: [UpstreamKey]) {
        held = Mutex(keys)
    }

    func keys() -> [UpstreamKey] { held.withLock { $0 } }
    func replace(_ keys: [UpstreamKey]) { held.withLock { $0 = keys } }
}
