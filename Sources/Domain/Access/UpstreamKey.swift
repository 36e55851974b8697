/// A credential for the upstream, by its id everywhere but in the one header it travels in.
package struct UpstreamKey: Hashable, Sendable {
    /// The operator's name for it, unique in the store.
    package let id: String
    /// The organization whose limits it spends; several keys of one organization add no capacity.
    package let organization: String
    package let secret: Secret
    /// nil for unlimited.
    package let rate: PacingRate?

    package init(id: String, organization: String, secret: Secret, rate: PacingRate?) {
        self.id = id
        self.organization = organization
        self.secret = secret
        self.rate = rate
    }
}
