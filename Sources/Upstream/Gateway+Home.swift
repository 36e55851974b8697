import Domain
import Synchronization

extension Gateway {
    /// `permit`, or one for the organization that has the call's prompt in its cache, if that one has room at once.
    ///
    /// A job's permit is taken before the job is known, so it is for whichever key had a slot. An organization that nothing
    /// limits is taken in the order of the weights; of those with limits only the heaviest is asked, which is a look into the
    /// ledger.
    func homed(_ permit: Permit, for call: UpstreamCall) async -> Permit {
        // One that tries a key is for that key.
        guard permit.isMovable, !permit.isTrial, let models = permit.models, let body = call.body else { return permit }
        let keys = keys()
        guard keys.contains(where: { $0.organization != permit.key.organization }),
            let prefix = PromptPrefix.fingerprint(of: body)
        else { return permit }
        let home = homes(of: prefix, models, among: keys).prefix { $0.key.organization != permit.key.organization }
        if let open = home.first(where: \.isOpen)?.key, home[0].isOpen || permit.block == nil {
            return await trade(permit, for: Permit(key: open, start: wall.now(), block: nil, models: models))
        }
        let demand = CallDemand(.batch, model: call.model, bytes: body.count, maxTokens: call.maxTokens)
        for key in home.map(\.key) where key.organization == home[0].key.organization {
            let offered = try? await offer(of: key, limit: 1, demand, horizon: Self.horizon, at: wall.now())
            if case .permits(let permits) = offered, let better = permits.first {
                return await trade(permit, for: better)
            }
        }
        return permit
    }

    /// The keys that may be used, the best for `prefix` first, and whether nothing limits them.
    private func homes(
        of prefix: UInt64, _ models: ModelClass, among keys: [UpstreamKey]
    ) -> [(key: UpstreamKey, isOpen: Bool)] {
        let now = wall.now()
        return state.withLock { state in
            // Not one that waits for a call that tries it: that is found by asking for a permit.
            let passing = keys.filter(state.roster.isSound)
            return KeyOrder.of(state.keyFaults.sound(passing, for: models, at: now), for: prefix).map { key in
                (key, state.standing.pause(of: key, models, at: now) == nil && state.demands(of: key, models).isEmpty)
            }
        }
    }

    private func trade(_ permit: Permit, for better: Permit) async -> Permit {
        await giveBack([permit])
        return better
    }
}
