/// The one book of what each pacing scope has spent, shared by all processes of a store.
///
/// Losing it costs at most a moment of stricter or laxer pacing, never a job; so it may be stored without syncing.
/// Each method is one transaction over all the scopes it concerns.
package protocol PacingLedger: Sendable {
    /// Takes the next free start slots that all scopes of `request` allow.
    /// - Returns: the slots, or when to ask again if none begins before the horizon.
    func takeSlots(_ request: SlotRequest, at now: Timestamp) async throws -> SlotOffer

    /// Gives back the last `count` slots of `block`: starts if nobody has taken any after them, tokens as far as they have
    /// not flowed off.
    func returnSlots(_ count: Int, of block: SlotBlock, by holder: String, at now: Timestamp) async throws

    /// Corrects what slot `index` of `block` has booked to what its call has cost; nil if that is not known. The call is
    /// no longer in flight.
    func settle(_ index: Int, of block: SlotBlock, cost: TokenCost?, by holder: String, at now: Timestamp) async throws

    /// Takes over what the provider has reported about `scope`.
    func learn(_ report: RateLimitReport, of scope: PacingScope, burst: Duration, at now: Timestamp) async throws

    /// Closes `scope` until `until` (a `retry-after`); never shortens a pause that is longer.
    func pause(_ scope: PacingScope, until: Timestamp) async throws

    /// Lets the rate of `scope` begin small and grow again: the provider found that it grew too fast.
    func slowDown(_ scope: PacingScope, at now: Timestamp) async throws

    /// `holder` lives: its calls in flight stay counted, those it has taken and not ended through this ledger (``SlotsHeld``),
    /// whatever was written of them.
    func renew(_ holder: String, at now: Timestamp) async throws

    /// The scopes that are paused after `now`, and the limits that were reported; at most 10,000, the paused ones first. A
    /// pause longer than any may be, which a clock that was set back has left, is shortened.
    func standing(at now: Timestamp) async throws -> [ScopeStanding]
}

/// How one scope stands, for processes that have not asked for slots in it.
package struct ScopeStanding: Hashable, Sendable {
    package let scope: PacingScope
    package let pausedUntil: Timestamp
    package let learned: PacingLimits

    package init(scope: PacingScope, pausedUntil: Timestamp, learned: PacingLimits) {
        self.scope = scope
        self.pausedUntil = pausedUntil
        self.learned = learned
    }
}

/// What a ledger answers.
package enum SlotOffer: Hashable, Sendable {
    case slots(SlotBlock)
    /// A scope is spent, full or paused: ask again at this instant.
    case none(until: Timestamp)
}

/// What shares one limit.
package struct PacingScope: Hashable, Sendable {
    package let name: String

    package init(name: String) {
        self.name = name
    }

    package static func key(_ id: String) -> PacingScope {
        PacingScope(name: "key:\(id)")
    }

    /// The calls of a key that are to no model (counting tokens, lists): the provider limits them apart from the others.
    package static func otherCalls(ofKey id: String) -> PacingScope {
        PacingScope(name: "other:\(id)")
    }

    /// The calls of an organization to one class of models: what the provider limits.
    package static func organization(_ id: String, _ models: ModelClass) -> PacingScope {
        PacingScope(name: "organization:\(id):\(models.name)")
    }

    /// The requests of a tenant at the API.
    package static func requests(of tenant: TenantID) -> PacingScope {
        PacingScope(name: "tenant:\(tenant):requests")
    }

    /// Its synchronous calls under way.
    package static func calls(of tenant: TenantID) -> PacingScope {
        PacingScope(name: "tenant:\(tenant):calls")
    }

    /// Those of one of its workspaces.
    package static func workspace(_ id: String, of organization: String, _ models: ModelClass) -> PacingScope {
        PacingScope(name: "workspace:\(organization)/\(id):\(models.name)")
    }
}

extension UpstreamKey {
    /// All that a call with it counts in. `models` is nil for a call to no model.
    package func scopes(of models: ModelClass?) -> [PacingScope] {
        guard let models else { return [.key(id), .otherCalls(ofKey: id)] }
        return [.key(id), .organization(organization, models)] + (workspaceScope(of: models).map { [$0] } ?? [])
    }

    /// What the provider's reports and refusals speak of: the organization's class of models, or its workspace's; the key's
    /// other calls if the call is to no model.
    package func countedScope(of models: ModelClass?) -> PacingScope {
        guard let models else { return .otherCalls(ofKey: id) }
        return workspaceScope(of: models) ?? .organization(organization, models)
    }

    private func workspaceScope(of models: ModelClass) -> PacingScope? {
        workspace.map { .workspace($0, of: organization, models) }
    }
}

/// A limit on starts per second, spaced evenly.
package struct PacingRate: Hashable, Sendable {
    /// More than 0 and at most 100,000.
    package let requestsPerSecond: Double

    /// nil outside the range.
    package init?(requestsPerSecond: Double) {
        guard requestsPerSecond > 0, requestsPerSecond <= 100_000 else { return nil }
        self.requestsPerSecond = requestsPerSecond
    }

    /// The time from one start to the next: 5/s → 200 ms. At most a year.
    package var spacing: Duration {
        .microseconds(Int64(min(1_000_000 / requestsPerSecond, 31_536_000_000_000).rounded(.up)))
    }
}
