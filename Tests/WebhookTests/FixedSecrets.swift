import Domain

/// Opens whatever begins with 1 and nothing else; the secret is always the same.
struct FixedSecrets: WebhookSecrets {
    /// `whsec_` and the base64 of the bytes 0…31.
    static let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    var secret = Secret(FixedSecrets.text)

    func issue(endpoint id: String) throws(RelayError) -> (secret: Secret, sealed: [UInt8]) { (secret, [1]) }

    func open(_ sealed: [UInt8], endpoint id: String) throws(RelayError) -> Secret {
        guard sealed.first == 1 else { throw RelayError(.sealedValueUnreadable, "It does not open.", remedy: "Look.") }
        return secret
    }

    func shared(by tenant: TenantID) -> Secret { secret }
}
