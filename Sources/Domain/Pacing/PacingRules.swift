/// The limits that an operator has set, by scope.
package struct PacingRules: Hashable, Sendable {
    /// What a limit is set for.
    package enum Subject: Hashable, Sendable {
        case key(String)
        /// One class of models; nil for each class that has no limit of its own.
        case organization(String, ModelClass?)
    }

    package var limits: [Subject: PacingLimits]
    package var style: PacingStyle

    package init(limits: [Subject: PacingLimits] = [:], style: PacingStyle = PacingStyle()) {
        self.limits = limits
        self.style = style
    }

    /// What a call with `key` to a model of class `models` counts in: its key, and its organization's class if the call is
    /// to a model. Scopes without limits are left out.
    /// - Parameter learned: the limits that the provider has reported for a scope.
    package func demands(
        of key: UpstreamKey, models: ModelClass?, learned: (PacingScope) -> PacingLimits
    ) -> [ScopeDemand] {
        var demands = [
            ScopeDemand(
                scope: .key(key.id), limits: PacingLimits(rate: key.rate).stricter(limits[.key(key.id)] ?? .none))
        ]
        if let models {
            let configured =
                limits[.organization(key.organization, models)]
                ?? limits[.organization(key.organization, nil)]
            demands.append(
                ScopeDemand(scope: .organization(key.organization, models), limits: configured ?? .none))
        }
        return demands.filter { !$0.limits.isNone || !learned($0.scope).isNone }
    }
}
