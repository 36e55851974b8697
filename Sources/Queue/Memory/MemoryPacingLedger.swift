package import Domain
import Synchronization

/// The ``PacingLedger`` of one process.
package final class MemoryPacingLedger: PacingLedger {
    private let scopes = Mutex<[PacingScope: ScopePacing]>([:])

    package init() {}

    package func takeSlots(
        of scope: PacingScope, limit: Int, rate: PacingRate, at now: Timestamp, horizon: Duration
    ) async throws -> SlotOffer {
        scopes.withLock { $0[scope, default: ScopePacing()].take(limit, rate: rate, at: now, horizon: horizon) }
    }

    package func returnSlots(_ count: Int, of block: SlotBlock, scope: PacingScope) async throws {
        scopes.withLock { $0[scope, default: ScopePacing()].giveBack(count, of: block) }
    }

    package func pause(_ scope: PacingScope, until: Timestamp) async throws {
        scopes.withLock { $0[scope, default: ScopePacing()].pause(until: until) }
    }
}
