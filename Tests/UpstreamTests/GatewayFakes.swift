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

/// One slot at a time, `spacing` apart, and pauses.
final class FakeLedger: PacingLedger {
    private let next = Mutex<[PacingScope: Timestamp]>([:])
    let returned = Mutex<[Int]>([])

    func takeSlots(
        of scope: PacingScope, limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration
    ) async throws -> SlotOffer {
        next.withLock { next in
            let start = max(now, next[scope] ?? now)
            guard start <= now.advanced(by: horizon) else { return .none(until: start) }
            next[scope] = start.advanced(by: rate.spacing)
            return .slots(SlotBlock(first: start, spacing: rate.spacing, count: 1))
        }
    }

    func returnSlots(_ count: Int, of block: SlotBlock, scope: PacingScope) async throws {
        returned.withLock { $0.append(count) }
    }

    func pause(_ scope: PacingScope, until: Timestamp) async throws {
        next.withLock { $0[scope] = max(until, $0[scope] ?? until) }
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
