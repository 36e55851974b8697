import Domain
import Logging
import Queue
import Synchronization
import Telemetry
import Upstream

/// Makes one attempt at one delivery: signs, sends, judges the answer.
final class DeliverySender: Sendable {
    /// How long an event waits whose endpoint's secret does not open: the receiver is not to blame, and an operator must act.
    private static let secretPause = Duration.seconds(60)
    private let configuration: WebhookConfiguration
    private let transport: any Transport
    private let secrets: any WebhookSecrets
    private let wall: any WallClock
    private let logger: Logger
    private let random: Mutex<any RandomNumberGenerator & Sendable>

    init(
        configuration: WebhookConfiguration, transport: any Transport, secrets: any WebhookSecrets,
        wall: any WallClock, random: any RandomNumberGenerator & Sendable, logger: Logger
    ) {
        self.configuration = configuration
        self.transport = transport
        self.secrets = secrets
        self.wall = wall
        self.random = Mutex(random)
        self.logger = logger
    }

    /// How the attempt ended, and its line of the log.
    func send(_ delivery: Delivery) async -> (outcome: DeliveryOutcome, log: DeliveryAttempt) {
        let begun = wall.now()
        let payload = DeliveryPayload(publicURL: configuration.publicURL).bytes(of: delivery)
        let signature: [HeaderField]
        do {
            signature = try sign(payload, of: delivery)
        } catch {
            complain(error, of: delivery)
            let outcome = DeliveryOutcome.postponed(
                at: wall.now().advanced(by: Self.secretPause), isOfLane: true)
            return (outcome, line(of: delivery, begun, nil, outcome))
        }
        let result = await exchange(payload, signature, of: delivery)
        if case .failure(let failure) = result, let address = failure.address { warn(of: address, delivery) }
        let now = wall.now()
        let outcome = random.withLock {
            DeliveryVerdict(schedule: configuration.schedule)
                .outcome(of: result, attempt: delivery.roundAttempt, at: now, using: &$0)
        }
        return (outcome, line(of: delivery, begun, try? result.get(), outcome))
    }

    private func line(
        of delivery: Delivery, _ begun: Timestamp, _ answer: ReceiverAnswer?, _ outcome: DeliveryOutcome
    ) -> DeliveryAttempt {
        DeliveryAttempt(
            attempt: delivery.attempt, startedAt: begun, endedAt: wall.now(), status: answer?.status,
            error: outcome.error, answer: answer?.excerpt ?? [])
    }

    /// - Throws: `sealed_value_unreadable` if the endpoint's secret cannot be used.
    private func sign(_ payload: [UInt8], of delivery: Delivery) throws(RelayError) -> [HeaderField] {
        let now = wall.now()
        guard let signer = StandardWebhooks(try keys(of: delivery, at: now)) else {
            throw RelayError(
                .sealedValueUnreadable, "The endpoint's secret has not the form whsec_….",
                remedy: "Rotate the endpoint's secret.")
        }
        return signer.headers(id: delivery.id, at: now, payload: payload)
    }

    /// The current secret's and, until it expires, those of the one before.
    private func keys(of delivery: Delivery, at now: Timestamp) throws(RelayError) -> [WebhookKeys] {
        guard let endpoint = delivery.endpoint else {
            return [secrets.shared(by: delivery.tenant)]
        }
        var keys = [try secrets.open(endpoint.secret.sealed, endpoint: endpoint.id)]
        guard let previous = endpoint.previous, let expiresAt = previous.expiresAt, now < expiresAt else { return keys }
        do throws(RelayError) {
            keys.append(try secrets.open(previous.sealed, endpoint: endpoint.id))
        } catch {
            complain(error, of: delivery)  // what the current one signs is enough
        }
        return keys
    }

    private func warn(of address: String, _ delivery: Delivery) {
        logger.warning(
            "a webhook's address is not allowed: see webhooks.allow_networks and webhooks.allow_ports",
            metadata: [
                LogKey.delivery: "\(delivery.id)", LogKey.tenant: "\(delivery.tenant)", LogKey.address: "\(address)",
            ])
    }

    private func complain(_ error: RelayError, of delivery: Delivery) {
        logger.error(
            "a webhook endpoint's secret does not open",
            metadata: [
                LogKey.endpoint: "\(delivery.endpoint?.id ?? "-")", LogKey.delivery: "\(delivery.id)",
                LogKey.error: "\(error)",
            ])
    }

    private func exchange(
        _ payload: [UInt8], _ signature: [HeaderField], of delivery: Delivery
    ) async -> Result<ReceiverAnswer, TransportFailure> {
        let limit = configuration.timeout
        let request = HTTPRequest(
            method: "POST", url: delivery.url,
            headers: signature + [
                HeaderField("content-type", "application/json"), HeaderField("user-agent", "claude-relay"),
            ],
            body: payload, timeouts: Timeouts(connect: limit, firstByte: limit, idle: limit, total: limit),
            addresses: configuration.addresses)
        do throws(TransportFailure) {
            let answer = try await transport.send(request, over: try path(of: delivery))
            return .success(
                ReceiverAnswer(
                    status: answer.status, headers: answer.headers, excerpt: await Self.excerpt(of: answer.body)))
        } catch {
            return .failure(error)
        }
    }

    /// Which way it goes.
    private func path(of delivery: Delivery) throws(TransportFailure) -> EgressPath {
        guard configuration.allowsHTTP || delivery.url.lowercased().hasPrefix("https://") else {
            throw TransportFailure(
                .addressRefused, maybeSent: false, detail: "only https is allowed (webhooks.allow_http is false)")
        }
        guard let id = delivery.endpoint?.egress else { return .direct }
        guard let path = configuration.egress.first(where: { $0.id == id }) else {
            throw TransportFailure(.proxy, maybeSent: false, detail: "there is no egress path '\(id)' for callbacks")
        }
        return path
    }

    /// What the body begins with. The status is the verdict: a body that is too long, cut short or late does not change it.
    private static func excerpt(of body: AnswerBody) async -> [UInt8] {
        var excerpt: [UInt8] = []
        while excerpt.count < DeliveryAttempt.answerLimit, let chunk = try? await body.next() { excerpt += chunk }
        return excerpt
    }
}

extension DeliveryOutcome {
    /// Why it did not arrive, for people.
    fileprivate var error: String? {
        switch self {
        case .delivered: nil
        case .retry(_, let error, _), .failed(_, let error): error
        case .gone(_, let status): "HTTP \(status): the receiver wants no more"
        case .postponed: "the relay could not try"
        }
    }
}
