package import Domain
import Synchronization

extension Gateway {
    /// Slots that begin later than this are not taken: what a killed process has taken is lost to the others.
    private static var horizon: Duration { .milliseconds(100) }
    /// A wait is cut into pieces of this length, so that a key that comes back or is new is seen.
    private static var longestNap: Duration { .seconds(1) }

    /// What one round of asking gave.
    private enum Round {
        case permits([Permit])
        /// Nothing now; ask again at this instant.
        case wait(until: Timestamp)
    }

    package func permits(
        upTo limit: Int, within patience: Duration
    ) async throws(RelayError) -> [Permit] {
        guard limit > 0 else { return [] }
        let deadline = clock.now.advanced(by: patience)
        while true {
            let round = try await ask(for: limit)
            guard case .wait(let until) = round else {
                if case .permits(let permits) = round { return permits }
                return []
            }
            let wait = max(until.duration(since: wall.now()), .milliseconds(1))
            let left = clock.now.duration(to: deadline)
            guard left > .zero, await nap(min(wait, left, Self.longestNap)) else { throw .pacingExhausted(wait) }
        }
    }

    package func giveBack(_ permits: [Permit]) async {
        let blocks = Dictionary(grouping: permits.filter { $0.block != nil }) { Taken(block: $0.block, key: $0.key.id) }
        for (taken, permits) in blocks {
            guard let block = taken.block else { continue }
            // Only the end of a block can be given back: slots before it may be in use.
            let starts = Set(permits.map(\.start))
            let count = (0..<block.count).reversed().prefix { starts.contains(block.start(of: $0)) }.count
            // A slot that is not given back is only spent for nothing.
            if count > 0 { try? await ledger.returnSlots(count, of: block, scope: .key(taken.key)) }
        }
    }

    private struct Taken: Hashable {
        let block: SlotBlock?
        let key: String
    }

    /// False when canceled.
    private func nap(_ duration: Duration) async -> Bool {
        (try? await clock.sleep(for: duration)) != nil
    }

    private func ask(for limit: Int) async throws(RelayError) -> Round {
        let now = wall.now()
        let keys = keyring.keys()
        let (usable, rest, isCutOff) = state.withLock { state in
            (state.roster.usable(of: keys, at: now), state.brake.rests(at: now), state.egress.isExhausted)
        }
        guard !isCutOff else { throw .noEgressPath }
        guard !usable.isEmpty else { throw noKey(keys, at: now) }
        if let rest { return .wait(until: rest) }
        var permits: [Permit] = []
        var earliest: Timestamp?
        for key in usable where permits.count < limit {
            switch try await offer(of: key, limit: limit - permits.count, at: now) {
            case .permits(let more): permits += more
            case .wait(let until): earliest = min(until, earliest ?? until)
            }
        }
        guard permits.isEmpty else { return .permits(permits.sorted { $0.start < $1.start }) }
        return .wait(until: earliest ?? now)
    }

    private func offer(of key: UpstreamKey, limit: Int, at now: Timestamp) async throws(RelayError) -> Round {
        guard let rate = key.rate else {
            if let until = state.withLock({ $0.pauses[key.id] }), now < until { return .wait(until: until) }
            return .permits(Array(repeating: Permit(key: key, start: now, block: nil), count: limit))
        }
        do {
            switch try await ledger.takeSlots(
                of: .key(key.id), limit: limit, rate: rate, at: now, horizon: Self.horizon)
            {
            case .none(let until): return .wait(until: until)
            case .slots(let block):
                return .permits(
                    (0..<block.count).map { Permit(key: key, start: block.start(of: $0), block: block) })
            }
        } catch {
            throw .ledgerUnavailable(error)
        }
    }

    private func noKey(_ keys: [UpstreamKey], at now: Timestamp) -> RelayError {
        guard !keys.isEmpty else {
            return RelayError(
                .noUpstreamKey, "There is no upstream key.",
                remedy: "Add one with `relay keys add NAME`, or set ANTHROPIC_API_KEY.")
        }
        let outages = state.withLock { state in
            keys.compactMap { key in state.roster.outage(of: key, at: now).map { (key.id, $0) } }
        }
        let words = outages.map { "'\($0.0)' (\($0.1.reason.rawValue) until \($0.1.until.rfc3339))" }
        let earliest = outages.map(\.1.until).min()
        return RelayError(
            .noUpstreamKey, "Every upstream key is out: \(words.joined(separator: ", ")).",
            remedy: "Check the keys in the Claude Console, replace them with `relay keys add NAME`, or wait.",
            retryAfter: earliest.map { max($0.duration(since: now), .seconds(1)) })
    }
}

extension RelayError {
    fileprivate static let noEgressPath = RelayError(
        .noEgressPath, "The upstream refused this region over every egress path.",
        remedy: "Add a path through a supported region (egress), then restart the relay.")

    fileprivate static func pacingExhausted(_ wait: Duration) -> RelayError {
        RelayError(
            .pacingExhausted, "No upstream key may send another request within the time allowed for waiting.",
            remedy: "Send it again after the Retry-After delay, submit it as a job, or raise the keys' rates.",
            retryAfter: wait)
    }

    fileprivate static func ledgerUnavailable(_ error: any Error) -> RelayError {
        RelayError(
            .storeUnavailable, "The pacing ledger cannot be read: \(error).",
            remedy: "Check that the data folder is writable and its disk not full.", retryAfter: .seconds(1))
    }
}
