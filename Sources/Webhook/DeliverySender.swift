import Domain
import Queue
import Synchronization
import Upstream

/// Makes one attempt at one delivery: signs, sends, judges the answer.
final class DeliverySender: Sendable {
    /// Of an answer's body nothing is used; it is read to this many bytes so that the connection can be kept.
    private static let answerLimit = 64 * 1024

    private let configuration: WebhookConfiguration
    private let transport: any Transport
    private let secrets: any WebhookSecrets
    private let wall: any WallClock
    private let random: Mutex<any RandomNumberGenerator & Sendable>

    init(
        configuration: WebhookConfiguration, transport: any Transport, secrets: any WebhookSecrets,
        wall: any WallClock, random: any RandomNumberGenerator & Sendable
    ) {
        self.configuration = configuration
        self.transport = transport
        self.secrets = secrets
        self.wall = wall
        self.random = Mutex(random)
    }

    func send(_ delivery: Delivery) async -> DeliveryOutcome {
        let payload = DeliveryPayload(inlineLimit: configuration.inlineLimit, publicURL: configuration.publicURL)
            .bytes(of: delivery)
        let signature: [HeaderField]
        do {
            signature = try sign(payload, of: delivery)
        } catch {
            return .failed(at: wall.now(), error: error.message)
        }
        let result = await exchange(payload, signature, to: delivery.url)
        let now = wall.now()
        return random.withLock {
            DeliveryVerdict(schedule: configuration.schedule)
                .outcome(of: result, attempt: delivery.roundAttempt, at: now, using: &$0)
        }
    }

    private func sign(_ payload: [UInt8], of delivery: Delivery) throws(RelayError) -> [HeaderField] {
        let secret =
            if let endpoint = delivery.endpoint {
                try secrets.open(endpoint.secret.sealed, endpoint: endpoint.id)
            } else {
                secrets.shared(by: delivery.tenant)
            }
        guard let signer = StandardWebhooks(secret: secret) else {
            throw RelayError(
                .sealedValueUnreadable, "The endpoint's secret has not the form whsec_….",
                remedy: "Register the endpoint again.")
        }
        return signer.headers(id: delivery.id, at: wall.now(), payload: payload)
    }

    private func exchange(
        _ payload: [UInt8], _ signature: [HeaderField], to url: String
    ) async -> Result<UpstreamReply, TransportFailure> {
        let limit = configuration.timeout
        let request = HTTPRequest(
            method: "POST", url: url,
            headers: signature + [
                HeaderField("content-type", "application/json"), HeaderField("user-agent", "claude-relay"),
            ],
            body: payload, timeouts: Timeouts(connect: limit, firstByte: limit, idle: limit, total: limit),
            addresses: configuration.addresses)
        do throws(TransportFailure) {
            let answer = try await transport.send(request, over: .direct)
            // The status is the verdict; a body that is too long or cut short does not change it.
            _ = try? await answer.body.collect(limit: Self.answerLimit)
            return .success(UpstreamReply(status: answer.status, headers: answer.headers, body: []))
        } catch {
            return .failure(error)
        }
    }
}
