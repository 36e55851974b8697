import Domain
import FoundationEssentials
import Vault

/// Signs deliveries as the Standard Webhooks specification has it: `v1`, HMAC-SHA-256 over `id.timestamp.payload`.
struct StandardWebhooks {
    private let key: [UInt8]

    /// - Parameter secret: `whsec_` and the base64 of the key; nil if it has not that form.
    init?(secret: Secret) {
        let text = secret.reveal()
        guard text.hasPrefix("whsec_"), let key = Data(base64Encoded: String(text.dropFirst(6))), !key.isEmpty else {
            return nil
        }
        self.key = Array(key)
    }

    /// The three headers of one attempt.
    func headers(id: String, at now: Timestamp, payload: [UInt8]) -> [HeaderField] {
        let seconds = String(now.microseconds / 1_000_000)
        let code = Digest.hmac(Array("\(id).\(seconds).".utf8) + payload, key: key)
        return [
            HeaderField("webhook-id", id), HeaderField("webhook-timestamp", seconds),
            HeaderField("webhook-signature", "v1," + Data(code).base64EncodedString()),
        ]
    }
}
