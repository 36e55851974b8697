/// Which egress paths may be used, and which one a key takes.
///
/// States of a path: `passing` → `tripped` after 5 faults in a row within 30 s → `probing` 30 s later, when one more
/// fault trips it again and a success makes it pass. A region refusal takes a path out until the process starts anew.
package struct EgressPool: Sendable {
    package enum State: Hashable, Sendable {
        case passing
        /// Not chosen before the instant given, unless nothing is left.
        case tripped(until: Timestamp)
        /// Chosen again; the next result decides.
        case probing
        /// The provider refused its region: never chosen.
        case out
    }

    /// Faults in a row that trip a path, all within ``window``.
    package static let faultLimit = 5
    package static let window = Duration.seconds(30)
    /// How long a tripped path rests.
    package static let rest = Duration.seconds(30)

    private struct Health: Sendable {
        let path: EgressPath
        /// When the faults in a row happened, the oldest first; at most ``faultLimit``.
        var faults: [Timestamp] = []
        var trippedAt: Timestamp?
        var isOut = false
    }

    private var health: [Health]

    /// - Parameter paths: at least one, with different ids; none means the direct one.
    package init(_ paths: [EgressPath]) {
        self.health = (paths.isEmpty ? [.direct] : paths).map { Health(path: $0) }
    }

    /// The path for `key`: the same as long as it can be used (rendezvous hashing, so that a path that comes or goes
    /// moves only its own keys). nil if every path is out.
    /// - Parameter avoided: ids taken only if nothing else is left.
    package func choose(for key: String, avoiding avoided: Set<String>, at now: Timestamp) -> EgressPath? {
        let present = health.filter { !$0.isOut }
        let usable = present.filter { !isTripped($0, at: now) }
        let fresh = usable.filter { !avoided.contains($0.path.id) }
        if let best = Self.highest(fresh, for: key) ?? Self.highest(usable, for: key) { return best }
        let restedLongest = present.min { ($0.trippedAt ?? now, $0.path.id) < ($1.trippedAt ?? now, $1.path.id) }
        return restedLongest?.path
    }

    /// Books a fault of the network on `id`. One that comes from a request begun before the path was tripped adds nothing.
    package mutating func faulted(_ id: String, at now: Timestamp) {
        update(id) { health in
            if let trippedAt = health.trippedAt {
                if now >= trippedAt.advanced(by: Self.rest) { health.trippedAt = now }
                return
            }
            health.faults.append(now)
            health.faults.removeAll { $0 <= now.advanced(by: .zero - Self.window) }
            if health.faults.count >= Self.faultLimit {
                health.trippedAt = now
                health.faults = []
            }
        }
    }

    /// Books that an answer came over `id`, of whatever status.
    package mutating func answered(_ id: String) {
        update(id) { health in
            health.faults = []
            health.trippedAt = nil
        }
    }

    /// Takes `id` out for good.
    package mutating func refused(_ id: String) {
        update(id) { $0.isOut = true }
    }

    /// Whether no path is left that may be tried.
    package var isExhausted: Bool { health.allSatisfy(\.isOut) }

    /// Every path's state, in the order given at the start.
    package func states(at now: Timestamp) -> [(id: String, state: State)] {
        health.map { health in
            if health.isOut { return (health.path.id, .out) }
            guard let trippedAt = health.trippedAt else { return (health.path.id, .passing) }
            let until = trippedAt.advanced(by: Self.rest)
            return (health.path.id, now < until ? .tripped(until: until) : .probing)
        }
    }

    private func isTripped(_ health: Health, at now: Timestamp) -> Bool {
        guard let trippedAt = health.trippedAt else { return false }
        return now < trippedAt.advanced(by: Self.rest)
    }

    private mutating func update(_ id: String, _ change: (inout Health) -> Void) {
        guard let index = health.firstIndex(where: { $0.path.id == id }) else { return }
        change(&health[index])
    }

    private static func highest(_ health: [Health], for key: String) -> EgressPath? {
        health.max { weight(of: $0.path, for: key) < weight(of: $1.path, for: key) }?.path
    }

    /// FNV-1a over both names, then mixed, so that one differing letter changes all bits alike.
    private static func weight(of path: EgressPath, for key: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for part in [key.utf8, path.id.utf8] {
            for byte in part { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            hash = (hash ^ 0xFF) &* 0x100_0000_01B3
        }
        hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return hash ^ (hash >> 33)
    }
}
