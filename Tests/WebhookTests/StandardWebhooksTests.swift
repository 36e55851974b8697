import Domain
import Testing

@testable import Webhook

struct StandardWebhooksTests {
    /// The vectors of the specification's libraries: `v1` of `standardwebhooks`' tests, `v1a` of Svix's.
    private static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private static let time = Timestamp(microseconds: 1_614_265_330_999_999)
    private static let payload = Array(#"{"test": 2432232314}"#.utf8)
    private static let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    private static let code = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    private static let pair = Secret(
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==")
    private static let signed =
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

    private func signature(_ secrets: WebhookKeys...) throws -> String? {
        try #require(StandardWebhooks(secrets)).headers(id: Self.id, at: Self.time, payload: Self.payload)
            .first("webhook-signature")
    }

    /// Computed with the reference library: `standardwebhooks` 1.1.0 of PyPI, `Webhook(secret).sign(id, time, text)`.
    @Test func `The signature is the reference library's`() throws {
        let signer = try #require(StandardWebhooks([WebhookKeys(secret: Secret(FixedSecrets.text))]))
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

    @Test func `A secret with a key pair signs both ways`() throws {
        #expect(try signature(WebhookKeys(secret: Self.secret)) == Self.code)
        let both = WebhookKeys(secret: Self.secret, privateKey: Self.pair)
        #expect(try signature(both) == "\(Self.code) \(Self.signed)")
    }

    @Test func `While a secret is rotated the new one's signatures come first, then the old one's`() throws {
        let new = WebhookKeys(secret: Self.secret, privateKey: Self.pair)
        let old = WebhookKeys(secret: Secret(FixedSecrets.text))
        let alone = try #require(try signature(old))
        #expect(alone != Self.code)
        #expect(try signature(new, old) == "\(Self.code) \(Self.signed) \(alone)")
    }

    @Test(arguments: ["", "whsec_", "whsec_not base64!", "AAECAw==", "WHSEC_AAECAw=="])
    func `A secret of another form is refused`(_ text: String) {
        let (right, wrong) = (WebhookKeys(secret: Self.secret), WebhookKeys(secret: Secret(text)))
        for secrets in [[wrong], [right, wrong], [WebhookKeys(secret: Self.secret, privateKey: Secret(text))]] {
            let signer = StandardWebhooks(secrets)
            #expect(signer == nil)
        }
    }

    @Test func `No secret signs nothing`() {
        let signer = StandardWebhooks([])
        #expect(signer == nil)
    }
}
