/// Makes and opens the secrets that webhook deliveries are signed with, in the forms of Standard Webhooks.
package protocol WebhookSecrets: Sendable {
    /// New random keys for the endpoint `id`, with their sealed form to store.
    func issue(endpoint id: String) throws(RelayError) -> IssuedWebhookSecret
    /// Learns the store's present keys, after it has refused what ``issue(endpoint:)`` gave.
    func renewKeys() async throws
    /// Opens what ``issue(endpoint:)`` sealed.
    func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> WebhookKeys
    /// What signs deliveries to URLs that the tenant's jobs name themselves. Always the same for a tenant.
    func shared(by tenant: TenantID) -> WebhookKeys
}

/// What an endpoint's owner is shown, and what is stored.
package struct IssuedWebhookSecret: Sendable {
    /// `whsec_` and base64: receivers check `v1` signatures with it. Shown once.
    package let secret: Secret
    /// `whpk_` and base64: receivers check `v1a` signatures with it. No secret.
    package let publicKey: String
    package let sealed: [UInt8]
    /// Of the keyring that sealed it.
    package let keyringRevision: Int

    package init(secret: Secret, publicKey: String, sealed: [UInt8], keyringRevision: Int) {
        self.secret = secret
        self.publicKey = publicKey
        self.sealed = sealed
        self.keyringRevision = keyringRevision
    }
}

/// The keys that one secret of an endpoint holds.
package struct WebhookKeys: Hashable, Sendable {
    /// `whsec_` and base64: the key of HMAC-SHA-256, signature `v1`.
    package let secret: Secret
    /// `whsk_` and the base64 of an Ed25519 seed and its public key, signature `v1a`; nil for secrets from before there
    /// were such.
    package let privateKey: Secret?
    /// `whpk_` and base64; nil if there is no private one.
    package let publicKey: String?

    package init(secret: Secret, privateKey: Secret? = nil, publicKey: String? = nil) {
        self.secret = secret
        self.privateKey = privateKey
        self.publicKey = publicKey
    }
}
