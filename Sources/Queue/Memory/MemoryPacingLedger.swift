package import Domain
import Synchronization

/// The ``PacingLedger`` of one process.
package final class MemoryPacingLedger: PacingLedger {
    private struct Book {
        var scopes: [PacingScope: ScopePacing] = [:]
        var held = SlotsHeld()

        /// Corrects what `block` has booked, `ended` slots of which are over.
        mutating func correct(
            _ block: SlotBlock, ended: Int, by holder: String, at now: Timestamp,
            _ change: (inout ScopePacing, ScopeShare) -> Void
        ) {
            held.ended(ended, of: block, by: holder)
            for share in block.shares {
                change(&scopes[share.scope, default: ScopePacing()], share)
                scopes[share.scope]?.restate(held.count(of: holder, in: share.scope), by: holder, at: now)
            }
        }
    }

    private let book = Mutex(Book())

    package init() {}

    package func takeSlots(_ request: SlotRequest, at now: Timestamp) async throws -> SlotOffer {
        book.withLock { book in
            var states = request.demands.map { book.scopes[$0.scope] ?? ScopePacing() }
            let offer = request.take(from: &states, holding: book.held.counts(for: request), at: now)
            for (demand, state) in zip(request.demands, states) { book.scopes[demand.scope] = state }
            if case .slots(let block) = offer { book.held.took(block, by: request.holder) }
            return offer
        }
    }

    package func returnSlots(_ count: Int, of block: SlotBlock, by holder: String, at now: Timestamp) async throws {
        book.withLock { book in
            book.correct(block, ended: count, by: holder, at: now) { pacing, share in
                pacing.giveBack(count, of: block, share, by: holder, at: now)
            }
        }
    }

    package func settle(
        _ index: Int, of block: SlotBlock, cost: TokenCost?, by holder: String, at now: Timestamp
    ) async throws {
        book.withLock { book in
            book.correct(block, ended: 1, by: holder, at: now) { pacing, share in
                pacing.settle(index, of: block, share, cost: cost, by: holder, at: now)
            }
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
        book.withLock { book in
            for scope in book.scopes.keys {
                book.scopes[scope]?.restate(book.held.count(of: holder, in: scope), by: holder, at: now)
                book.scopes[scope]?.renew(holder, at: now)
            }
        }
    }

    package func standing(at now: Timestamp) async throws -> [ScopeStanding] {
        book.withLock { book in
            for scope in book.scopes.keys { book.scopes[scope]?.clampPause(at: now) }
            return book.scopes.compactMap { scope, pacing in pacing.standing(of: scope, at: now) }
                .sorted { $0.scope.name < $1.scope.name }
        }
    }

    private func update(_ scope: PacingScope, _ change: (inout ScopePacing) -> Void) {
        book.withLock { change(&$0.scopes[scope, default: ScopePacing()]) }
    }
}
