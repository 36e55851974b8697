import Domain
import Testing

@testable import Webhook

struct StandardWebhooksTests {
    /// Computed with the reference library: `standardwebhooks` 1.1.0 of PyPI, `Webhook(secret).sign(id, time, text)`.
    @Test func `The signature is the reference library's`() throws {
        let signer = try #require(StandardWebhooks(secret: Secret(FixedSecrets.text)))
        let headers = signer.headers(
            id: "evt_0123456789abcdef0123456789abcdef",
            at: Timestamp.start.advanced(by: .microseconds(999_999)),
            payload: Array(#"{"type":"job.succeeded","text":"Grüße 🎈"}"#.utf8))
        #expect(
            headers == [
                HeaderField("webhook-id", "evt_0123456789abcdef0123456789abcdef"),
                HeaderField("webhook-timestamp", "1767225600"),
                HeaderField("webhook-signature", "v1,5KunbCauRjRFrNrCTXY/0HXr3DaWEOuqTsRfQFHvWjU="),
            ])
    }

    @Test(arguments: ["", "whsec_", "whsec_not base64!", "AAECAw==", "WHSEC_AAECAw=="])
    func `A secret of another form is refused`(_ text: String) {
        let signer = StandardWebhooks(secret: Secret(text))
        #expect(signer == nil)
    }
}
