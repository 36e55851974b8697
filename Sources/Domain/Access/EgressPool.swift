/// Which egress paths may be used, and which one a call takes.
///
/// A key's calls go the same way as long as they can (rendezvous hashing: a path that comes or goes moves only its own
/// keys); weights say how many keys a path gets. No path carries more than 1.25 × its share of the calls in flight and
/// one, or 8: what is beyond goes the key's next way. Paths of preferred regions go before all others.
package struct EgressPool: Sendable {
    package enum State: Hashable, Sendable {
        case passing
        /// Not chosen before the instant given, unless nothing is left.
        case tripped(until: Timestamp)
        /// Chosen again for a growing share of its keys.
        case probing
        /// The provider refused its region, or an operator took it out: never chosen until an operator brings it back.
        case out(Outage)
    }

    /// Why a path is out.
    package enum Outage: String, Hashable, Sendable, CaseIterable {
        case regionRefused = "region_refused"
        case disabled
    }

    /// No path carries more than this times its share of the calls in flight, and one.
    package static let loadFactor = 1.25
    /// So few calls are no load: to spread them would only open connections that are cold.
    package static let fewCalls = 8
    /// How long after its last call a path is kept warm.
    package static let warmTime = Duration.seconds(3600)

    /// A call's way over a path, as the path was defined when the call took it.
    package struct Passage: Hashable, Sendable {
        package let path: EgressPath
        /// Tells apart what goes by one id, one after the other.
        let generation: Int

        package var id: String { path.id }
    }

    private struct Entry: Sendable {
        var path: EgressPath
        let base: UInt64
        let generation: Int
        var health = EgressHealth()
        var outage: Outage?
        /// Whether no other process has been told of its outage yet.
        var isUnrecorded = false
        var inFlight = 0
        /// When the API was last heard over it; nil for never.
        var heardAt: Timestamp?
        /// When something else first answered over it since.
        var foreignSince: Timestamp?
        /// When a call last took it; nil for never.
        var calledAt: Timestamp?
        /// The same of calls and probes.
        var usedAt: Timestamp?
    }

    private var entries: [Entry] = []
    private var preferred: [String]
    private var generations = 0

    /// - Parameters:
    ///   - paths: with different ids; none means the direct one.
    ///   - regions: the nearest first; paths of other regions come last.
    package init(_ paths: [EgressPath], preferring regions: [String] = []) {
        self.preferred = regions
        replace(paths, preferring: regions)
    }

    /// Other paths from now on. Those that stay keep what is known of them; one that goes another way under its old id
    /// keeps its outage alone. Calls under way are not touched, and tell nothing of what has taken their path's place.
    package mutating func replace(_ paths: [EgressPath], preferring regions: [String]) {
        let old = Dictionary(uniqueKeysWithValues: entries.map { ($0.path.id, $0) })
        entries = (paths.isEmpty ? [.direct] : paths).map { path in
            guard var entry = old[path.id], entry.path.route == path.route else {
                return newEntry(path, after: old[path.id])
            }
            entry.path = path
            return entry
        }
        preferred = regions
    }

    private mutating func newEntry(_ path: EgressPath, after old: Entry?) -> Entry {
        generations += 1
        let base = Rendezvous.finish(Rendezvous.add(path.id.utf8, to: Rendezvous.start))
        return Entry(
            path: path, base: base, generation: generations, outage: old?.outage,
            isUnrecorded: old?.isUnrecorded ?? false)
    }

    /// The path for a call with `key`; nil if every path is out.
    /// - Parameter avoided: ids taken only if nothing else is left.
    package func choose(for key: String, avoiding avoided: Set<String>, at now: Timestamp) -> EgressPath? {
        let present = entries.filter { $0.outage == nil }
        guard present.count > 1 else { return present.first?.path }
        let thing = Rendezvous.finish(Rendezvous.add(key.utf8, to: Rendezvous.start))
        let usable = present.filter { Self.admits($0, thing, at: now) }
        let fresh = usable.filter { !avoided.contains($0.path.id) }
        let candidates = nearest(fresh.isEmpty ? usable : fresh)
        guard !candidates.isEmpty else { return longestRested(present, avoiding: avoided, at: now)?.path }
        let ordered = candidates.map { (entry: $0, weight: Self.weight(of: $0, for: thing)) }
            .sorted { ($0.weight, $0.entry.path.id) > ($1.weight, $1.entry.path.id) }.map(\.entry)
        let load = candidates.reduce(1) { $0 + $1.inFlight }, weights = candidates.reduce(0) { $0 + $1.path.weight }
        let first = ordered.first { entry in
            let share = Double(load * entry.path.weight) / Double(weights)
            return entry.inFlight < Self.fewCalls || Double(entry.inFlight) <= Self.loadFactor * share
        }
        return (first ?? ordered[0]).path
    }

    /// The same, and counts the call as in flight until ``ended(_:)``.
    package mutating func take(for key: String, avoiding avoided: Set<String>, at now: Timestamp) -> Passage? {
        guard let path = choose(for: key, avoiding: avoided, at: now),
            let index = entries.firstIndex(where: { $0.path.id == path.id })
        else { return nil }
        entries[index].inFlight += 1
        (entries[index].calledAt, entries[index].usedAt) = (now, now)
        return Passage(path: path, generation: entries[index].generation)
    }

    /// The call that took `passage` is over.
    /// - Returns: false if its path has gone, or goes another way by now: what the call has met is nothing to the pool.
    @discardableResult
    package mutating func ended(_ passage: Passage) -> Bool {
        guard let index = entries.firstIndex(where: { $0.generation == passage.generation }) else { return false }
        entries[index].inFlight -= 1
        return true
    }

    /// Books a fault of the network on `id`.
    package mutating func faulted(_ id: String, byProbe: Bool = false, at now: Timestamp) {
        update(id) { $0.health.faulted(byProbe: byProbe, at: now) }
    }

    /// Books that an answer came over `id`, of whatever status.
    package mutating func answered(_ id: String, at now: Timestamp) {
        update(id) { $0.health.answered(at: now) }
    }

    /// The head of an answer that is surely the API's has come by `passage`.
    package mutating func heard(by passage: Passage, at now: Timestamp) {
        guard let index = entries.firstIndex(where: { $0.generation == passage.generation }) else { return }
        (entries[index].heardAt, entries[index].foreignSince) = (now, nil)
    }

    /// Books that something else than the API has answered over `id` (``UpstreamReply/isForeign``).
    package mutating func answeredForeign(_ id: String, at now: Timestamp) {
        let isItsFault = isHeardElsewhere(id)
        update(id) { entry in
            entry.foreignSince = entry.foreignSince ?? now
            if isItsFault { entry.health.faulted(at: now) }
        }
    }

    /// Whether the API has been heard over another path since something else began to answer over `id`. Then that is the
    /// path's fault; else the provider's edge may say so to all.
    package func isHeardElsewhere(_ id: String) -> Bool {
        guard let since = entries.first(where: { $0.path.id == id })?.foreignSince else { return false }
        return entries.contains { $0.path.id != id && $0.heardAt.map { since < $0 } ?? false }
    }

    /// Books that a probe has reached the upstream over `id`.
    package mutating func probed(_ id: String, at now: Timestamp) {
        update(id) { $0.health.probed(at: now) }
    }

    /// A probe goes out over `id`.
    package mutating func probing(_ id: String, at now: Timestamp) {
        update(id) { $0.usedAt = now }
    }

    /// The provider refuses the region of `id`. It is out whatever others know, until that is ``recorded(_:)``.
    package mutating func refused(_ id: String) {
        update(id) { entry in
            guard entry.outage == nil else { return }
            (entry.outage, entry.isUnrecorded) = (.regionRefused, true)
        }
    }

    /// The ids of those refused that others do not know of.
    package var unrecorded: [String] { entries.filter(\.isUnrecorded).map(\.path.id) }

    /// All processes can know by now that `id` is out.
    package mutating func recorded(_ id: String) {
        update(id) { $0.isUnrecorded = false }
    }

    /// Exactly these are out, by what all processes know, and those that are still to be recorded.
    package mutating func setOutages(_ outages: [String: Outage]) {
        for index in entries.indices {
            let known = outages[entries[index].path.id]
            let outage = known ?? (entries[index].isUnrecorded ? .regionRefused : nil)
            // Brought back by an operator: it begins anew.
            if outage == nil, entries[index].outage != nil { entries[index].health = EgressHealth() }
            entries[index].outage = outage
        }
    }

    /// Whether no path is left that may be tried.
    package var isExhausted: Bool { entries.allSatisfy { $0.outage != nil } }

    /// All of them, in the order given at the start.
    package var paths: [EgressPath] { entries.map(\.path) }

    /// One path as it stands.
    package struct Standing: Hashable, Sendable {
        package let path: EgressPath
        package let state: State
        package let inFlight: Int
        /// Whether the last that is known of it is a fault.
        package let isSuspect: Bool
        fileprivate let calledAt: Timestamp?
        fileprivate let usedAt: Timestamp?

        /// Whether its connection is growing cold: nothing has gone over it for `pause`, though calls have lately; or it was
        /// never used.
        package func needsWarming(after pause: Duration, at now: Timestamp) -> Bool {
            guard state == .passing, inFlight == 0 else { return false }
            guard let usedAt else { return true }
            guard let calledAt, now < calledAt.advanced(by: EgressPool.warmTime) else { return false }
            return usedAt.advanced(by: pause) <= now || usedAt > now
        }

        package var id: String { path.id }
    }

    /// Every path's state, in the order given at the start.
    package func states(at now: Timestamp) -> [Standing] {
        entries.map {
            Standing(
                path: $0.path, state: Self.state(of: $0, at: now), inFlight: $0.inFlight,
                isSuspect: $0.health.isSuspect, calledAt: $0.calledAt, usedAt: $0.usedAt)
        }
    }

    private static func state(of entry: Entry, at now: Timestamp) -> State {
        if let outage = entry.outage { return .out(outage) }
        let share = entry.health.share(at: now)
        if share >= 1 { return .passing }
        return share > 0 ? .probing : .tripped(until: entry.health.trippedUntil ?? now)
    }

    /// While it is readmitted, a path takes the same part of its keys each time, and more and more of them.
    private static func admits(_ entry: Entry, _ thing: UInt64, at now: Timestamp) -> Bool {
        let share = entry.health.share(at: now)
        guard share > 0, share < 1 else { return share >= 1 }
        return Double(Rendezvous.finish(~thing &+ entry.base) >> 11) < share * 0x1p53
    }

    private func nearest(_ entries: [Entry]) -> [Entry] {
        guard !preferred.isEmpty else { return entries }
        func rank(_ entry: Entry) -> Int { preferred.firstIndex { $0 == entry.path.region } ?? preferred.count }
        let best = entries.map(rank).min()
        return entries.filter { rank($0) == best }
    }

    private func longestRested(_ present: [Entry], avoiding avoided: Set<String>, at now: Timestamp) -> Entry? {
        let fresh = present.filter { !avoided.contains($0.path.id) }
        return (fresh.isEmpty ? present : fresh).min {
            ($0.health.trippedAt ?? now, $0.path.id) < ($1.health.trippedAt ?? now, $1.path.id)
        }
    }

    /// The best of as many draws as the path's weight says, so that shares are proportional to weights.
    private static func weight(of entry: Entry, for thing: UInt64) -> UInt64 {
        (0..<UInt64(entry.path.weight)).map { Rendezvous.finish((entry.base ^ thing) &+ $0 &* 0x9E37_79B9_7F4A_7C15) }
            .max() ?? 0
    }

    private mutating func update(_ id: String, _ change: (inout Entry) -> Void) {
        guard let index = entries.firstIndex(where: { $0.path.id == id }) else { return }
        change(&entries[index])
    }
}
