import Domain

/// Opens whatever begins with 1 or 3 and nothing else; each always gives the same secret.
struct FixedSecrets: WebhookSecrets {
    /// `whsec_` and the base64 of the bytes 0…31.
    static let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    /// What a value that begins with 3 holds.
    static let oldText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    var secret = Secret(FixedSecrets.text)

    func issue(endpoint id: String) throws(RelayError) -> IssuedWebhookSecret {
        IssuedWebhookSecret(secret: secret, publicKey: "whpk_", sealed: [1], keyringRevision: 1)
    }

    func renewKeys() {}

    func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> WebhookKeys {
        switch sealed.first {
        case 1: return WebhookKeys(secret: secret)
        case 3: return WebhookKeys(secret: Secret(Self.oldText))
        default: throw RelayError(.sealedValueUnreadable, "It does not open.", remedy: "Look.")
        }
    }

    func shared(by tenant: TenantID) -> WebhookKeys { WebhookKeys(secret: secret) }
}
