/// A credential for the upstream, by its id everywhere but in the one header it travels in.
package struct UpstreamKey: Hashable, Sendable {
    /// The operator's name for it, unique in the store.
    package let id: String
    /// The organization whose limits it spends; several keys of one organization add no capacity.
    package let organization: String
    /// Other names that keys of the same organization stand under; limits that are set for any of them hold.
    package let alsoKnownAs: [String]
    /// The workspace whose limits it spends besides; nil for none that has limits of its own.
    package let workspace: String?
    package let secret: Secret
    /// nil for unlimited.
    package let rate: PacingRate?

    package init(
        id: String, organization: String, alsoKnownAs: [String] = [], workspace: String? = nil, secret: Secret,
        rate: PacingRate?
    ) {
        self.id = id
        self.alsoKnownAs = alsoKnownAs
        self.workspace = workspace
        self.organization = organization
        self.secret = secret
        self.rate = rate
    }
}
