package import Domain
import FoundationEssentials

/// The signing secrets of webhooks: a random one an endpoint, sealed; a derived one a tenant, for URLs named by jobs.
package struct WebhookSecretVault: WebhookSecrets {
    private let sealer: SecretSealer
    private let tenantKey: SymmetricKey

    package init(keyring: SharedKeyring) {
        sealer = SecretSealer(keyring: keyring)
        tenantKey = keyring.root.derived(for: "tenant-webhook-secrets")
    }

    /// With the keyring that a store founded on `master` has.
    package init(master: MasterKey) {
        self.init(keyring: SharedKeyring(Keyring(foundedOn: master)))
    }

    package func issue(endpoint id: String) throws(RelayError) -> (secret: Secret, sealed: [UInt8]) {
        guard let bytes = SymmetricKey.randomBytes(32) else {
            throw RelayError(.internalFault, "The system has no randomness to give.", remedy: "Check /dev/urandom.")
        }
        let secret = Self.secret(from: bytes)
        return (secret, try sealer.seal(secret, for: Self.owner(id)))
    }

    package func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> Secret {
        try sealer.open(sealed, for: Self.owner(id))
    }

    package func shared(by tenant: TenantID) -> Secret {
        Self.secret(from: Digest.hmac(Array(tenant.text.utf8), key: tenantKey.bytes))
    }

    /// What an endpoint's sealed secret is bound to.
    package static func owner(_ endpoint: String) -> String {
        "webhook-endpoint:\(endpoint)"
    }

    private static func secret(from bytes: [UInt8]) -> Secret {
        Secret("whsec_\(Data(bytes).base64EncodedString())")
    }
}
