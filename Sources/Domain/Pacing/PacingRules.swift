/// The limits that an operator has set, by scope.
package struct PacingRules: Hashable, Sendable {
    /// What a limit is set for.
    package enum Subject: Hashable, Sendable {
        case key(String)
        /// One class of models; nil for each class that has no limit of its own.
        case organization(String, ModelClass?)
        /// Of an organization; the class as above.
        case workspace(String, of: String, ModelClass?)
    }

    package var limits: [Subject: PacingLimits]
    package var style: PacingStyle

    package init(limits: [Subject: PacingLimits] = [:], style: PacingStyle = PacingStyle()) {
        self.limits = limits
        self.style = style
    }

    /// What a call with `key` to a model of class `models` counts in: its key, and its organization's class and its
    /// workspace's if the call is to a model. Scopes without limits are left out.
    /// - Parameter learned: the limits that the provider has reported for a scope.
    package func demands(
        of key: UpstreamKey, models: ModelClass?, learned: (PacingScope) -> PacingLimits
    ) -> [ScopeDemand] {
        let demands = key.scopes(of: models).map { scope in
            ScopeDemand(scope: scope, limits: configured(for: scope, key, models))
        }
        return demands.filter { !$0.limits.isNone || !learned($0.scope).isNone }
    }

    /// Whether an operator has set limits for this organization.
    package func hasLimits(ofOrganization name: String) -> Bool {
        limits.keys.contains { subject in
            switch subject {
            case .organization(name, _), .workspace(_, of: name, _): true
            default: false
            }
        }
    }

    private func configured(for scope: PacingScope, _ key: UpstreamKey, _ models: ModelClass?) -> PacingLimits {
        guard scope != .key(key.id), let models else {
            return PacingLimits(rate: key.rate).stricter(limits[.key(key.id)] ?? .none)
        }
        let isOrganization = scope == .organization(key.organization, models)
        func subject(_ models: ModelClass?) -> Subject {
            guard !isOrganization, let workspace = key.workspace else { return .organization(key.organization, models) }
            return .workspace(workspace, of: key.organization, models)
        }
        return limits[subject(models)] ?? limits[subject(nil)] ?? .none
    }
}
