package import Domain
import Crypto
import FoundationEssentials

/// The signing secrets of webhooks: a random one an endpoint, sealed; a derived one a tenant, for URLs named by jobs.
package struct WebhookSecretVault: WebhookSecrets {
    private let sealer: SecretSealer
    private let tenantKey: SymmetricKey

    package init(master: MasterKey) {
        sealer = SecretSealer(master: master)
        tenantKey = master.derived(for: "tenant-webhook-secrets")
    }

    package func issue(endpoint id: String) throws(RelayError) -> (secret: Secret, sealed: [UInt8]) {
        let secret = Self.secret(from: SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) })
        return (secret, try sealer.seal(secret, for: Self.owner(id)))
    }

    package func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> Secret {
        try sealer.open(sealed, for: Self.owner(id))
    }

    package func shared(by tenant: TenantID) -> Secret {
        let code = HMAC<SHA256>.authenticationCode(for: Array(tenant.text.utf8), using: tenantKey)
        return Self.secret(from: Data(code))
    }

    private static func owner(_ endpoint: String) -> String {
        "webhook-endpoint:\(endpoint)"
    }

    private static func secret(from bytes: Data) -> Secret {
        Secret("whsec_\(bytes.base64EncodedString())")
    }
}
