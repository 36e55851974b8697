package import Domain
import Synchronization

/// The ``PacingLedger`` of one process.
package final class MemoryPacingLedger: PacingLedger {
    private let scopes = Mutex<[PacingScope: ScopePacing]>([:])

    package init() {}

    package func takeSlots(_ request: SlotRequest, at now: Timestamp) async throws -> SlotOffer {
        scopes.withLock { scopes in
            var states = request.demands.map { scopes[$0.scope] ?? ScopePacing() }
            let offer = request.take(from: &states, at: now)
            for (demand, state) in zip(request.demands, states) { scopes[demand.scope] = state }
            return offer
        }
    }

    package func returnSlots(_ count: Int, of block: SlotBlock, by holder: String, at now: Timestamp) async throws {
        for share in block.shares {
            update(share.scope) { $0.giveBack(count, of: block, share, by: holder, at: now) }
        }
    }

    package func settle(
        _ index: Int, of block: SlotBlock, cost: TokenCost?, by holder: String, at now: Timestamp
    ) async throws {
        for share in block.shares {
            update(share.scope) { $0.settle(index, of: block, share, cost: cost, by: holder, at: now) }
        }
    }

    package func learn(
        _ report: RateLimitReport, of scope: PacingScope, burst: Duration, at now: Timestamp
    ) async throws {
        update(scope) { $0.learn(report, burst: burst, at: now) }
    }

    package func pause(_ scope: PacingScope, until: Timestamp) async throws {
        update(scope) { $0.pause(until: until) }
    }

    package func slowDown(_ scope: PacingScope, at now: Timestamp) async throws {
        update(scope) { $0.slowDown(at: now) }
    }

    package func renew(_ holder: String, at now: Timestamp) async throws {
        scopes.withLock { scopes in
            for scope in scopes.keys { scopes[scope]?.renew(holder, at: now) }
        }
    }

    package func standing(at now: Timestamp) async throws -> [ScopeStanding] {
        scopes.withLock { scopes in
            scopes.compactMap { scope, pacing in pacing.standing(of: scope, at: now) }
                .sorted { $0.scope.name < $1.scope.name }
        }
    }

    private func update(_ scope: PacingScope, _ change: (inout ScopePacing) -> Void) {
        scopes.withLock { change(&$0[scope, default: ScopePacing()]) }
    }
}
