package import Domain

/// What a Gateway sees at one instant, for `relay status` and metrics. Ids only, no secrets.
package struct GatewayStatus: Hashable, Sendable {
    package struct Key: Hashable, Sendable {
        package let id: String
        package let organization: String
        /// nil while it may be used.
        package let outage: KeyOutage?
    }

    package let keys: [Key]
    package let paths: [EgressPool.Standing]
    /// Calls sent and not yet booked.
    package let inFlight: Int
    /// Until when the provider is given a rest after an overload; nil if it is not.
    package let overloadedUntil: Timestamp?

    package init(keys: [Key], paths: [EgressPool.Standing], inFlight: Int, overloadedUntil: Timestamp?) {
        self.keys = keys
        self.paths = paths
        self.inFlight = inFlight
        self.overloadedUntil = overloadedUntil
    }
}

/// What an operator should hear of, told once each time.
package enum GatewayNotice: Hashable, Sendable {
    /// The provider refuses the region of this egress path.
    case regionRefused(path: String)
    /// This key is not used until its outage is over.
    case keyOut(String, KeyOutage)
    /// The upstream fails this key's calls to one class of models again and again, and not others'.
    case keySetAside(String, ModelClass, until: Timestamp)
    /// Several names with limits are one organization's; the stricter limits hold, for each name that keys go by.
    case limitsDoubled(KeyOwners.Doubled)
}
