import Domain
import Logging
import Queue
import TestSupport
import Testing
import Upstream

@testable import Webhook

struct DeliverySenderTests {
    private let clock = ManualClock()

    private func sender(
        _ receiver: any Transport, secrets: FixedSecrets = FixedSecrets(), seed: UInt64 = 1,
        egress: [EgressPath] = []
    ) -> DeliverySender {
        var configuration = WebhookConfiguration()
        configuration.timeout = .seconds(7)
        configuration.egress = egress
        return DeliverySender(
            configuration: configuration, transport: receiver, secrets: secrets, wall: clock.wall,
            random: SeededGenerator(seed: seed), logger: Logger(label: "test"))
    }

    private func delay(_ outcome: DeliveryOutcome) -> Duration? {
        guard case .retry(let due, _, _) = outcome else { return nil }
        return due.duration(since: clock.timestamp)
    }

    @Test(arguments: [200, 204, 299])
    func `Any 2xx is delivered`(_ status: Int) async throws {
        let outcome = await sender(FakeReceiver { _ in .status(status) }).send(try .sample()).outcome
        #expect(outcome == .delivered(at: clock.timestamp, status: status))
    }

    @Test func `A body that breaks off does not undo a 2xx, and its beginning is in the log`() async throws {
        let sent = await sender(ScriptedAnswer(chunks: [Array("thanks".utf8)], isCut: true)).send(try .sample())
        #expect(sent.outcome == .delivered(at: clock.timestamp, status: 200))
        #expect(sent.log.answer == Array("thanks".utf8) && sent.log.status == 200 && sent.log.error == nil)
    }

    @Test func `A body without end is read up to 64 KiB and let go`() async throws {
        let answer = ScriptedAnswer(status: 500, chunks: [], filler: [UInt8](repeating: 0x78, count: 10_000))
        let sent = await sender(answer).send(try .sample())
        guard case .retry = sent.outcome else { throw Unexpected(outcome: sent.outcome) }
        #expect(sent.log.answer == [UInt8](repeating: 0x78, count: 65_536))
        #expect(answer.chunksRead == 7)
    }

    @Test func `The log says when an attempt began and ended, and why it failed`() async throws {
        let clock = clock
        let receiver = FakeReceiver { _ in
            clock.advance(by: .seconds(3))
            return .status(503)
        }
        let log = await sender(receiver).send(try .sample(attempt: 4)).log
        let begun = Timestamp.start
        #expect(
            log
                == DeliveryAttempt(
                    attempt: 4, startedAt: begun, endedAt: begun.advanced(by: .seconds(3)), status: 503,
                    error: "HTTP 503"))
    }

    @Test func `410 ends it, whatever attempts are left, and says that the receiver is gone`() async throws {
        let outcome = await sender(FakeReceiver { _ in .status(410) }).send(try .sample()).outcome
        #expect(outcome == .gone(at: clock.timestamp, status: 410))
    }

    @Test func `A redirect is a failed attempt and is not followed`() async throws {
        let receiver = FakeReceiver { _ in .status(302, [HeaderField("location", "https://elsewhere.test/")]) }
        let outcome = await sender(receiver).send(try .sample()).outcome
        guard case .retry(_, let error, _) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "HTTP 302; redirects are not followed")
        #expect(receiver.requests.count == 1)
    }

    @Test(arguments: [TransportFailure.Kind.timeout, .addressRefused, .resolve, .tls])
    func `No answer is a failed attempt`(_ kind: TransportFailure.Kind) async throws {
        let receiver = FakeReceiver { _ throws(TransportFailure) in
            throw TransportFailure(kind, maybeSent: false, detail: "why")
        }
        let outcome = await sender(receiver).send(try .sample(attempt: 3)).outcome
        guard case .retry(_, let error, _) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "\(kind.rawValue): why")
    }

    @Test(arguments: [1, 9, 10, 11])
    func `An attempt that we closed counts for nothing and is due at once`(_ attempt: Int) async throws {
        let receiver = FakeReceiver { _ throws(TransportFailure) in
            throw TransportFailure(.canceled, maybeSent: true, detail: "canceled")
        }
        let outcome = await sender(receiver).send(try .sample(attempt: attempt)).outcome
        #expect(outcome == .postponed(at: clock.timestamp))
    }

    @Test func `A machine without sockets blames no receiver and waits a little`() async throws {
        let receiver = FakeReceiver { _ throws(TransportFailure) in
            throw TransportFailure(.exhausted, maybeSent: false, detail: "no socket")
        }
        let outcome = await sender(receiver).send(try .sample()).outcome
        #expect(outcome == .postponed(at: clock.timestamp.advanced(by: .seconds(1))))
    }

    @Test func `Sent anew, a delivery has its whole schedule again`() async throws {
        let outcome = await sender(FakeReceiver { _ in .status(500) })
            .send(try .sample(attempt: 11, roundAttempt: 1)).outcome
        let delay = try #require(self.delay(outcome))
        #expect((4.5...5.5).contains(delay.seconds))
    }

    @Test func `Ten attempts over three days, each delay within a tenth, then it is given up`() async throws {
        let delays: [Double] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        var seen: Set<Duration> = []
        for seed in UInt64(1)...40 {
            let sender = sender(FakeReceiver { _ in .status(500) }, seed: seed)
            for (index, base) in delays.enumerated() {
                let delay = try #require(self.delay(await sender.send(try .sample(attempt: index + 1)).outcome))
                #expect((base * 0.9...base * 1.1).contains(delay.seconds))
                seen.insert(delay)
                clock.advance(by: delay)
            }
            let last = await sender.send(try .sample(attempt: 10)).outcome
            #expect(last == .failed(at: clock.timestamp, error: "HTTP 500"))
        }
        #expect(seen.count > 300)  // they do vary
    }

    @Test func `Retry-after is the least wait, up to a day`() async throws {
        let asked = [
            ("600", 600.0), ("86400", 86_400), ("999999", 86_400), ("Thu, 01 Jan 2026 00:10:00 GMT", 600),
            ("Fri, 01 Jan 2027 00:00:00 GMT", 86_400),
        ]
        for (asked, expected) in asked {
            let receiver = FakeReceiver { _ in .status(429, [HeaderField("retry-after", asked)]) }
            #expect(delay(await sender(receiver).send(try .sample()).outcome)?.seconds == expected)
        }
        let receiver = FakeReceiver { _ in .status(503, [HeaderField("retry-after", "1")]) }
        let delay = try #require(self.delay(await sender(receiver).send(try .sample(attempt: 2)).outcome))
        #expect(delay.seconds >= 270)
    }

    @Test func `The request is signed, timed and kept to allowed addresses`() async throws {
        let receiver = FakeReceiver()
        _ = await sender(receiver).send(try .sample(endpoint: .sample()))
        let request = try #require(receiver.requests.first)
        let limit = Duration.seconds(7)
        #expect(request.timeouts == Timeouts(connect: limit, firstByte: limit, idle: limit, total: limit))
        #expect(request.addresses == AddressPolicy(allowed: [], ports: PortSet(allowsHTTP: false)))
        #expect(request.method == "POST" && request.url == "https://receiver.test/hook")
        #expect(request.headers.first("content-type") == "application/json")
        #expect(receiver.paths == [.direct])
        let signer = try #require(StandardWebhooks([WebhookKeys(secret: Secret(FixedSecrets.text))]))
        let expected = signer.headers(
            id: "evt_0123456789abcdef0123456789abcdef", at: clock.timestamp, payload: try #require(request.body))
        #expect(Array(request.headers.prefix(3)) == expected)
    }

    @Test func `A secret that does not open, or is none, puts its lane off unsent and blames nobody`() async throws {
        let receiver = FakeReceiver()
        let later = DeliveryOutcome.postponed(at: clock.timestamp.advanced(by: .seconds(60)), isOfLane: true)
        #expect(await sender(receiver).send(try .sample(endpoint: .sample(sealed: [2]))).outcome == later)
        let odd = await sender(receiver, secrets: FixedSecrets(secret: Secret("odd"))).send(try .sample()).outcome
        #expect(odd == later)
        #expect(receiver.requests.isEmpty)
    }

    @Test func `A former secret that does not open is left out`() async throws {
        let expiry = Timestamp.start.advanced(by: .seconds(60))
        let endpoint = WebhookEndpoint.sample(
            previous: EndpointSecret(sealed: [2], createdAt: .start, expiresAt: expiry))
        let receiver = FakeReceiver()
        let outcome = await sender(receiver).send(try .sample(endpoint: endpoint)).outcome
        #expect(outcome == .delivered(at: clock.timestamp, status: 200))
        let signature = try #require(receiver.requests.first?.headers.first("webhook-signature"))
        #expect(signature.split(separator: " ").count == 1)
    }

    @Test func `What is not allowed is told without the address`() async throws {
        let refusal = TransportFailure(
            .addressRefused, maybeSent: false, detail: "the receiver's address is not allowed", address: "10.0.0.7:80")
        let receiver = FakeReceiver { _ throws(TransportFailure) in throw refusal }
        let (outcome, log) = await sender(receiver).send(try .sample())
        guard case .retry(_, let error, _) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "address_refused: the receiver's address is not allowed" && log.error == error)
    }

    @Test func `The secret before the current one signs too, until it expires`() async throws {
        let expiry = Timestamp.start.advanced(by: .seconds(60))
        let endpoint = WebhookEndpoint.sample(
            previous: EndpointSecret(sealed: [3], createdAt: .start, expiresAt: expiry))
        let receiver = FakeReceiver()
        for step in [Duration.seconds(59), .seconds(1)] {
            clock.advance(by: step)
            _ = await sender(receiver).send(try .sample(endpoint: endpoint))
        }
        let counts = receiver.requests.map { $0.headers.first("webhook-signature")?.split(separator: " ").count }
        #expect(counts == [2, 1])
    }

    @Test func `An endpoint's egress path is taken; one that is not configured is not replaced by another`()
        async throws
    {
        let proxy = EgressPath(id: "eu", route: .proxy(Secret("http://proxy.test:3128")))
        let receiver = FakeReceiver()
        let sender = sender(receiver, egress: [proxy])
        _ = await sender.send(try .sample(endpoint: .sample(egress: "eu")))
        #expect(receiver.paths == [proxy])
        let outcome = await sender.send(try .sample(endpoint: .sample(egress: "us"))).outcome
        guard case .retry(_, let error, _) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "proxy: there is no egress path 'us' for callbacks")
        #expect(receiver.requests.count == 1)
    }

    @Test(arguments: ["http://receiver.test/", "HTTP://receiver.test/", "ftp://receiver.test/", "receiver.test"])
    func `A receiver without TLS is not called unless that is allowed`(_ url: String) async throws {
        let receiver = FakeReceiver()
        let outcome = await sender(receiver).send(try .sample(url: url)).outcome
        guard case .retry(_, let error, _) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error.hasPrefix("address_refused"))
        #expect(receiver.requests.isEmpty)
    }

    private struct Unexpected: Error {
        let outcome: DeliveryOutcome
    }
}
