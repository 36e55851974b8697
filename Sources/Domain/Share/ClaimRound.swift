/// Divides one claim among the tenants that have due jobs, by their weights.
///
/// Each tenant has a pass, its service so far divided by its weight; the lowest pass goes next (stride scheduling). So a
/// tenant of weight 3 gets three jobs for every one of weight 1, and who comes new waits for one job of each other
/// tenant at most, however many jobs those have queued. Pure: who runs dry is told by the caller.
package struct ClaimRound: Sendable {
    /// A tenant that takes part.
    package struct Entrant: Hashable, Sendable {
        /// The store's number of the tenant; decides between equal passes.
        package let tenant: Int64
        package fileprivate(set) var pass: Int64
        /// Within ``TenantShare/weights``.
        package let weight: Int
        /// How many more of its jobs may run; nil for no limit.
        package fileprivate(set) var room: Int?
        /// Whether it takes no more part in this round.
        package fileprivate(set) var isOut = false

        package init(tenant: Int64, pass: Int64, weight: Int, room: Int?) {
            self.tenant = tenant
            self.pass = pass
            self.weight = weight
            self.room = room
        }
    }

    /// Tenants of one round at most; the others' turn comes with the next, because passes grow.
    package static let entrantLimit = 64
    /// How far a job moves a tenant of weight 1.
    package static let stride: Int64 = 1_000_000

    /// All that take part, with their passes as they are now.
    package private(set) var entrants: [Entrant]
    /// The pass at which the last job was taken. A tenant that had nothing due enters at it, if its own is lower: it
    /// neither waits for what it did not use nor is owed it.
    package private(set) var virtualTime: Int64
    private var left: Int

    /// - Parameter limit: jobs of the claim at most.
    package init(_ entrants: [Entrant], virtualTime: Int64, limit: Int) {
        self.entrants = entrants
        self.virtualTime = virtualTime
        self.left = limit
        for index in entrants.indices { self.entrants[index].isOut = entrants[index].room.map { $0 <= 0 } ?? false }
    }

    /// Whose job goes next, as an index into ``entrants``; nil when the claim is full or nobody is left.
    package var next: Int? {
        guard left > 0 else { return nil }
        return entrants.indices.filter { !entrants[$0].isOut }.min {
            (entrants[$0].pass, entrants[$0].tenant) < (entrants[$1].pass, entrants[$1].tenant)
        }
    }

    /// How many jobs of `index` are worth reading ahead: what it gets if the others have theirs too.
    package func share(of index: Int) -> Int {
        let rivals = entrants.count { !$0.isOut }
        return min(left, entrants[index].room ?? left, rivals > 1 ? left / rivals + 1 : left)
    }

    /// One job of `index` was taken.
    package mutating func took(_ index: Int) {
        left -= 1
        virtualTime = max(virtualTime, entrants[index].pass)
        entrants[index].pass += Self.stride / Int64(entrants[index].weight)
        if let room = entrants[index].room {
            entrants[index].room = room - 1
            entrants[index].isOut = room <= 1
        }
    }

    /// `index` has no due job left.
    package mutating func ranDry(_ index: Int) {
        entrants[index].isOut = true
    }
}
