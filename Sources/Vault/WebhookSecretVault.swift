package import Domain
import FoundationEssentials

/// The signing secrets of webhooks: random ones an endpoint, sealed together; a derived one a tenant, for URLs named by jobs.
///
/// Sealed are `whsec_…` and, after a blank, `whsk_…`; in stores of earlier versions the first alone.
package struct WebhookSecretVault: WebhookSecrets {
    private static let separator: Character = " "
    private let keyring: SharedKeyring
    private let sealer: SecretSealer
    private let tenantKey: SymmetricKey
    private let tenantSeed: SymmetricKey
    private let onStale: @Sendable () async throws -> Void

    /// - Parameter onStale: renews `keyring` when the store has another one.
    package init(keyring: SharedKeyring, onStale: @escaping @Sendable () async throws -> Void = {}) {
        self.keyring = keyring
        self.onStale = onStale
        sealer = SecretSealer(keyring: keyring)
        tenantKey = keyring.root.derived(for: "tenant-webhook-secrets")
        tenantSeed = keyring.root.derived(for: "tenant-webhook-seeds")
    }

    /// With the keyring that a store founded on `master` has.
    package init(master: MasterKey) {
        self.init(keyring: SharedKeyring(Keyring(foundedOn: master)))
    }

    package func issue(endpoint id: String) throws(RelayError) -> IssuedWebhookSecret {
        guard let bytes = SymmetricKey.randomBytes(32), let pair = SigningKey.random() else {
            throw RelayError(.internalFault, "The system has no randomness to give.", remedy: "Check /dev/urandom.")
        }
        let (secret, revision) = (Self.secret(from: bytes), keyring.revision)
        let both = Secret("\(secret.reveal())\(Self.separator)\(pair.text.reveal())")
        return IssuedWebhookSecret(
            secret: secret, publicKey: pair.publicText, sealed: try sealer.seal(both, for: Self.owner(id)),
            keyringRevision: revision)
    }

    package func renewKeys() async throws {
        try await onStale()
    }

    package func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> WebhookKeys {
        let text = try sealer.open(sealed, for: Self.owner(id)).reveal()
        let parts = text.split(separator: Self.separator, maxSplits: 1).map(String.init)
        guard parts.count == 2, let pair = SigningKey(Secret(parts[1])) else {
            return WebhookKeys(secret: Secret(text))
        }
        return WebhookKeys(secret: Secret(parts[0]), privateKey: pair.text, publicKey: pair.publicText)
    }

    package func shared(by tenant: TenantID) -> WebhookKeys {
        let name = Array(tenant.text.utf8)
        let secret = Self.secret(from: Digest.hmac(name, key: tenantKey.bytes))
        guard let pair = SigningKey(seed: Digest.hmac(name, key: tenantSeed.bytes)) else {
            return WebhookKeys(secret: secret)
        }
        return WebhookKeys(secret: secret, privateKey: pair.text, publicKey: pair.publicText)
    }

    /// What an endpoint's sealed secret is bound to.
    package static func owner(_ endpoint: String) -> String {
        "webhook-endpoint:\(endpoint)"
    }

    private static func secret(from bytes: [UInt8]) -> Secret {
        Secret("whsec_\(Data(bytes).base64EncodedString())")
    }
}
