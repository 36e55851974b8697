package import Domain

/// A claimer's places for delivery attempts, and which tenants hold them. Decides how many more a tenant may have: as many
/// as would stay free, at most (dynamic thresholds: A. K. Choudhury, E. L. Hahne, 1998). So one tenant alone has half of
/// them, of `n` greedy ones each has 1/(n + 1), and the share that is left is there for whoever comes next (ADR 0026).
package struct DeliverySlots: Hashable, Sendable {
    private struct Held: Hashable, Sendable {
        var all = 0
        /// Of them to receivers that are not trusted: see ``EndpointHealth/isTrusted``.
        var suspects = 0
    }

    /// Places that nobody holds.
    package private(set) var free: Int
    /// Places that suspects may still take, whosever they are: half of all leaves the others as many.
    package private(set) var freeForSuspects: Int
    private var held: [TenantID: Held] = [:]

    /// - Parameter total: places, at least 1.
    package init(_ total: Int) {
        free = max(total, 1)
        freeForSuspects = max(total / 2, 1)
    }

    /// How many more attempts `tenant` may have under way. Its suspects leave its others a third of its part at least.
    package func room(for tenant: TenantID, areSuspect: Bool) -> Int {
        let mine = held[tenant] ?? Held()
        // k more are too many once mine + k > free - k; whoever has none has one while there is one, and so has whoever
        // has but suspects.
        let isFirst = areSuspect ? mine.all == 0 : mine.all == mine.suspects
        let all = max((free - mine.all) / 2, isFirst ? min(free, 1) : 0)
        guard areSuspect else { return max(all, 0) }
        // The same in what is theirs alone: as many as would stay free there twice, for a single tenant's sake.
        let part = min((free - 2 * mine.suspects) / 3, (2 * freeForSuspects - mine.suspects) / 3)
        return max(min(all, max(part, mine.suspects == 0 ? 1 : 0), freeForSuspects), 0)
    }

    /// The tenants that have no room, of those that hold places.
    func full(areSuspect: Bool) -> [TenantID] {
        held.keys.filter { room(for: $0, areSuspect: areSuspect) == 0 }
    }

    /// `count` attempts of `tenant` begin.
    package mutating func take(_ count: Int, for tenant: TenantID, areSuspect: Bool) {
        free -= count
        held[tenant, default: Held()].all += count
        guard areSuspect else { return }
        freeForSuspects -= count
        held[tenant, default: Held()].suspects += count
    }

    /// `count` attempts of `tenant` have ended, of a receiver that was or was not a suspect when they began.
    package mutating func give(back count: Int, of tenant: TenantID, wereSuspect: Bool) {
        free += count
        held[tenant, default: Held()].all -= count
        if wereSuspect {
            freeForSuspects += count
            held[tenant, default: Held()].suspects -= count
        }
        if held[tenant]?.all == 0 { held[tenant] = nil }
    }
}
