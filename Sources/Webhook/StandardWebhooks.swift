import Domain
import FoundationEssentials
import Vault

/// Signs deliveries as the Standard Webhooks specification has it, over `id.timestamp.payload`: `v1` is HMAC-SHA-256,
/// `v1a` is Ed25519. Each secret gives the one and, if it has a key pair, the other.
struct StandardWebhooks: Sendable {
    private struct Signer: Sendable {
        let code: [UInt8]
        let pair: SigningKey?

        /// nil if a key has not the form `whsec_…` or `whsk_…`.
        init?(_ keys: WebhookKeys) {
            guard let code = StandardWebhooks.code(in: keys.secret) else { return nil }
            self.code = code
            pair = keys.privateKey.flatMap { SigningKey($0) }
            guard (pair != nil) == (keys.privateKey != nil) else { return nil }
        }

        func signatures(of message: [UInt8]) -> [String] {
            let signed = pair?.signature(of: message).map { "v1a," + Data($0).base64EncodedString() }
            return ["v1," + Data(Digest.hmac(message, key: code)).base64EncodedString()] + (signed.map { [$0] } ?? [])
        }
    }

    private let signers: [Signer]

    /// - Parameter secrets: the current one first; nil if one has not the form that it should.
    init?(_ secrets: [WebhookKeys]) {
        signers = secrets.compactMap(Signer.init)
        guard !signers.isEmpty, signers.count == secrets.count else { return nil }
    }

    /// The key of HMAC-SHA-256 that `whsec_…` spells; nil if it has not that form.
    static func code(in secret: Secret) -> [UInt8]? {
        let text = secret.reveal()
        guard text.hasPrefix("whsec_"), let code = Data(base64Encoded: String(text.dropFirst(6))), !code.isEmpty else {
            return nil
        }
        return Array(code)
    }

    /// The three headers of one attempt.
    func headers(id: String, at now: Timestamp, payload: [UInt8]) -> [HeaderField] {
        let seconds = String(now.microseconds / 1_000_000)
        let message = Array("\(id).\(seconds).".utf8) + payload
        let signatures = signers.flatMap { $0.signatures(of: message) }
        return [
            HeaderField("webhook-id", id), HeaderField("webhook-timestamp", seconds),
            HeaderField("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
