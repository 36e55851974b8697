package import Domain
import Synchronization

extension Gateway {
    /// Slots for jobs that begin later than this are not taken: what a killed process has taken is lost to the others.
    /// A call waits as long at most for the organization whose prompt cache it wants.
    static var horizon: Duration { .milliseconds(100) }
    /// A wait is cut into pieces of this length, so that a key that comes back or is new is seen.
    private static var longestNap: Duration { .seconds(1) }
    /// When to look again where as many calls are in flight as an overload has left.
    private static var windowNap: Duration { .milliseconds(20) }

    /// A job that has found its key spent is looked at again after this time at the latest: another key may be free then.
    private static var longestDeferral: Duration { .seconds(60) }

    /// What one round of asking gave.
    enum Round {
        case permits([Permit])
        /// Nothing now; ask again at this instant.
        case wait(until: Timestamp)
    }

    package func permits(
        upTo limit: Int, for demand: CallDemand, within patience: Duration
    ) async throws(RelayError) -> [Permit] {
        guard limit > 0 else { return [] }
        let deadline = clock.now.advanced(by: patience)
        while true {
            let left = clock.now.duration(to: deadline)
            let round = try await ask(for: limit, demand, within: left)
            guard case .wait(let until) = round else {
                if case .permits(let permits) = round { return permits }
                return []
            }
            let wait = max(until.duration(since: wall.now()), .milliseconds(1))
            guard left > .zero, await nap(min(wait, left, Self.longestNap)) else { throw .pacingExhausted(wait) }
        }
    }

    package func giveBack(_ permits: [Permit]) async {
        for permit in permits where permit.isTrial { state.withLock { $0.roster.trialEnded(of: permit.key) } }
        let booked = permits.filter { $0.block != nil }
        for (block, permits) in Dictionary(grouping: booked, by: \.block) {
            guard let block else { continue }
            // Only the end of a block can be given back: slots before it may be in use. Those are over all the same.
            let slots = Set(permits.map(\.slot))
            let count = (0..<block.count).reversed().prefix { slots.contains($0) }.count
            let now = wall.now()
            // If it cannot be written, starts and tokens are only spent for nothing, and the calls are over all the same.
            if count > 0 { try? await ledger.returnSlots(count, of: block, by: configuration.holder, at: now) }
            for slot in slots where slot < block.count - count {
                try? await ledger.settle(slot, of: block, cost: .nothing, by: configuration.holder, at: now)
            }
        }
    }

    /// A permit in the place of `permit` that counts where a call to `model` does and for what it costs; nil if it has been
    /// given back because there is nothing left, with the time to come again.
    func fit(_ permit: Permit, to call: UpstreamCall) async -> Result<Permit, DeferralError> {
        guard let model = call.model else { return .success(permit) }
        let isOfClass = permit.models == ModelClass(model: model)
        if isOfClass, !isTooSmall(permit, for: call, to: model) { return .success(permit) }
        let demand = CallDemand(.batch, model: model, bytes: call.body?.count, maxTokens: call.maxTokens)
        let horizon = isOfClass ? Self.sizeHorizon : Self.horizon
        let now = wall.now()
        let isHeldUp = isHeldUp(permit)
        await giveBack([permit])
        guard !isHeldUp else { return .failure(DeferralError(wait: nil)) }  // another key may be free at once
        switch try? await offer(of: permit.key, limit: 1, demand, horizon: horizon, at: now) {
        case .permits(let permits): return permits.first.map { .success($0) } ?? .failure(DeferralError(wait: nil))
        case .wait(let until):
            let wait = max(until.duration(since: now), .milliseconds(1))
            return .failure(DeferralError(wait: min(wait, Self.longestDeferral)))
        case nil: return .failure(DeferralError(wait: nil))
        }
    }

    /// Nothing is left for now.
    struct DeferralError: Error {
        let wait: Duration?
    }

    /// All keys, those of one organization under one name.
    func keys() -> [UpstreamKey] {
        let keys = keyring.keys()
        return state.withLock { $0.owners.united(keys, limited: $0.rules.hasLimits(ofOrganization:)) }
    }

    /// The names under which an organization has limits more than once, those that have been returned before left out.
    func doubledLimits() -> [KeyOwners.Doubled] {
        let keys = keyring.keys()
        return state.withLock { state in
            let doubled = state.owners.doubled(keys, limited: state.rules.hasLimits(ofOrganization:))
            let new = doubled.filter { !state.toldDoubled.contains($0) }
            state.toldDoubled = Set(doubled)
            return new
        }
    }

    /// False when canceled.
    private func nap(_ duration: Duration) async -> Bool {
        (try? await clock.sleep(for: duration)) != nil
    }

    private func ask(
        for limit: Int, _ demand: CallDemand, within left: Duration
    ) async throws(RelayError) -> Round {
        let now = wall.now()
        let keys = keys()
        let (usable, rest, room, isCutOff) = state.withLock { state in
            (
                state.keyFaults.sound(state.roster.usable(of: keys, at: now), for: demand.models, at: now),
                state.rest(at: now),
                state.brake.room(beside: state.inFlight), state.egress.isExhausted
            )
        }
        guard !isCutOff else { throw .noEgressPath }
        guard !usable.isEmpty else {
            // While a call tries a key, others wait for what it finds.
            if let end = state.withLock({ $0.roster.endOfTrial(of: keys, at: now) }) { return .wait(until: end) }
            throw noKey(keys, at: now)
        }
        if let rest { return .wait(until: rest) }
        guard room > 0 else { return .wait(until: now.advanced(by: Self.windowNap)) }
        let limit = min(limit, room)
        let ordered = KeyOrder.of(usable, for: demand.prefix)
        // Who waits takes the first key that may begin now; only for its prompt cache it waits for one a moment.
        let horizon = demand.urgency == .interactive && demand.prefix == nil ? .zero : Self.horizon
        let (permits, next) = try await gather(limit, demand, of: ordered, horizon: horizon, at: now)
        guard permits.isEmpty else { return .permits(permits.sorted { $0.start < $1.start }) }
        guard let next else { return .wait(until: now) }
        let ahead = min(left, ScopePacing.maxHorizon)
        guard demand.urgency == .interactive, next.at <= now.advanced(by: ahead) else { return .wait(until: next.at) }
        return try await offer(of: next.key, limit: 1, demand, horizon: ahead, at: now)
    }

    /// What the keys have, one after the other, and who of those that have nothing has something first. If the ledger fails
    /// meanwhile, what is in hand is used: dropped, it would stay in flight.
    private func gather(
        _ limit: Int, _ demand: CallDemand, of keys: [UpstreamKey], horizon: Duration, at now: Timestamp
    ) async throws(RelayError) -> (permits: [Permit], next: (key: UpstreamKey, at: Timestamp)?) {
        var permits: [Permit] = []
        var next: (key: UpstreamKey, at: Timestamp)?
        do throws(RelayError) {
            for key in keys where permits.count < limit {
                switch try await offer(of: key, limit: limit - permits.count, demand, horizon: horizon, at: now) {
                case .permits(let more): permits += more
                case .wait(let until): if next.map({ until < $0.at }) ?? true { next = (key, until) }
                }
            }
        } catch {
            if permits.isEmpty { throw error }
        }
        return (permits, next)
    }

    func offer(
        of key: UpstreamKey, limit: Int, _ demand: CallDemand, horizon: Duration, at now: Timestamp
    ) async throws(RelayError) -> Round {
        let models = demand.models
        let (demands, pause, cost) = state.withLock { state in
            (
                state.demands(of: key, models, isUnread: demand.isUnread),
                state.standing.pause(of: key, models, at: now),
                demand.model.map {
                    state.estimator.estimate(model: $0, bytes: demand.bytes, maxTokens: demand.maxTokens)
                } ?? .nothing
            )
        }
        // Nor is a place booked behind the pause: it may grow meanwhile.
        if let pause { return .wait(until: pause) }
        let admission = state.withLock { $0.roster.admit(key, at: now) }
        if case .none(let until) = admission { return .wait(until: until) }
        let isTrial = admission == .trial
        let (limit, isMovable) = (isTrial ? 1 : limit, demand.urgency == .batch)
        guard !demands.isEmpty else {
            let permit = Permit(
                key: key, start: now, block: nil, models: models, isMovable: isMovable, isTrial: isTrial)
            return .permits(Array(repeating: permit, count: limit))
        }
        let request = SlotRequest(
            demands, limit: limit, cost: cost, urgency: demand.urgency, horizon: horizon,
            holder: configuration.holder, style: state.withLock { $0.rules.style })
        do {
            switch try await ledger.takeSlots(request, at: now) {
            case .none(let until):
                if isTrial { state.withLock { $0.roster.trialEnded(of: key) } }
                return .wait(until: until)
            case .slots(let block):
                return .permits(
                    (0..<block.count).map {
                        Permit(
                            key: key, start: block.start(of: $0), block: block, slot: $0, models: models,
                            isMovable: isMovable, isTrial: isTrial)
                    })
            }
        } catch {
            if isTrial { state.withLock { $0.roster.trialEnded(of: key) } }
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
        let earliest = outages.map(\.1.nextTry).min()
        return RelayError(
            .noUpstreamKey, "Every upstream key is out: \(words.joined(separator: ", ")).",
            remedy: "Check the keys in the Claude Console, replace them with `relay keys add NAME`, or wait.",
            retryAfter: earliest.map { max($0.duration(since: now), .seconds(1)) })
    }
}

extension RelayError {
    fileprivate static let noEgressPath = RelayError(
        .noEgressPath,
        "Every egress path is out: the upstream refused this region over it, or an operator disabled it.",
        remedy: "See `relay egress list`; enable one, or add a path through a supported region (egress).")

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
