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
    /// workspace's if the call is to a model. Scopes without limits are left out. Of limits that stand under several names
    /// of the organization the stricter hold.
    /// - Parameters:
    ///   - isUnread: whether the call may be of any class, so that it counts in all of them that have limits of their own.
    ///   - learned: the limits that the provider has reported for a scope.
    package func demands(
        of key: UpstreamKey, models: ModelClass?, isUnread: Bool = false, learned: (PacingScope) -> PacingLimits
    ) -> [ScopeDemand] {
        var demands = [
            ScopeDemand(
                scope: .key(key.id), limits: PacingLimits(rate: key.rate).stricter(limits[.key(key.id)] ?? .none))
        ]
        for models in classes(of: models, isUnread: isUnread, key) {
            let organization = key.organization
            demands.append(
                ScopeDemand(
                    scope: .organization(organization, models),
                    limits: configured(models, of: key) { .organization($0, $1) }))
            if let workspace = key.workspace {
                demands.append(
                    ScopeDemand(
                        scope: .workspace(workspace, of: organization, models),
                        limits: configured(models, of: key) { .workspace(workspace, of: $0, $1) }))
            }
        }
        return demands.filter { !$0.limits.isNone || !learned($0.scope).isNone }
    }

    private func classes(of models: ModelClass?, isUnread: Bool, _ key: UpstreamKey) -> [ModelClass] {
        guard let models else { return [] }
        guard isUnread else { return [models] }
        let named = limits.keys.compactMap { subject -> ModelClass? in
            switch subject {
            case .organization(let name, let models), .workspace(_, of: let name, let models):
                key.organizationNames.contains(name) ? models : nil
            case .key: nil
            }
        }
        return Set(named + [models]).sorted { $0.name < $1.name }
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

    /// What is set for one class, or else for each that has nothing of its own.
    /// - Parameter subject: of a name of the organization, and a class.
    private func configured(
        _ models: ModelClass, of key: UpstreamKey, _ subject: (String, ModelClass?) -> Subject
    ) -> PacingLimits {
        key.organizationNames.map { limits[subject($0, models)] ?? limits[subject($0, nil)] ?? .none }
            .reduce(.none) { $0.stricter($1) }
    }
}

extension UpstreamKey {
    fileprivate var organizationNames: [String] { [organization] + alsoKnownAs }
}
