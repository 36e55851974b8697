import Domain
import Queue
import TestSupport
import Testing
import Upstream

@testable import Webhook

struct DeliverySenderTests {
    private let clock = ManualClock()

    private func sender(
        _ receiver: FakeReceiver, secrets: FixedSecrets = FixedSecrets(), seed: UInt64 = 1
    ) -> DeliverySender {
        var configuration = WebhookConfiguration()
        configuration.timeout = .seconds(7)
        configuration.addresses = AddressPolicy(allowed: [])
        return DeliverySender(
            configuration: configuration, transport: receiver, secrets: secrets, wall: clock.wall,
            random: SeededGenerator(seed: seed))
    }

    private func delay(_ outcome: DeliveryOutcome) -> Duration? {
        guard case .retry(let due, _) = outcome else { return nil }
        return due.duration(since: clock.timestamp)
    }

    @Test(arguments: [200, 204, 299])
    func `Any 2xx is delivered`(_ status: Int) async throws {
        let outcome = await sender(FakeReceiver { _ in .status(status) }).send(try .sample())
        #expect(outcome == .delivered(at: clock.timestamp, status: status))
    }

    @Test func `A body that breaks off does not undo a 2xx`() async throws {
        struct Cut: Transport {
            func send(_ request: HTTPRequest, over path: EgressPath) async throws(TransportFailure) -> HTTPAnswer {
                let body = AnswerBody { () throws(TransportFailure) in
                    throw TransportFailure(.broken, maybeSent: true, detail: "cut")
                }
                return HTTPAnswer(status: 200, headers: [], body: body)
            }
        }
        let sender = DeliverySender(
            configuration: WebhookConfiguration(), transport: Cut(), secrets: FixedSecrets(), wall: clock.wall,
            random: SeededGenerator(seed: 1))
        #expect(await sender.send(try .sample()) == .delivered(at: clock.timestamp, status: 200))
    }

    @Test func `410 ends it, whatever attempts are left`() async throws {
        let outcome = await sender(FakeReceiver { _ in .status(410) }).send(try .sample())
        #expect(outcome == .gone(at: clock.timestamp, status: 410))
    }

    @Test func `A redirect is a failed attempt and is not followed`() async throws {
        let receiver = FakeReceiver { _ in .status(302, [HeaderField("location", "https://elsewhere.test/")]) }
        let outcome = await sender(receiver).send(try .sample())
        guard case .retry(_, let error) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "HTTP 302; redirects are not followed")
        #expect(receiver.requests.count == 1)
    }

    @Test(arguments: [TransportFailure.Kind.timeout, .addressRefused, .resolve, .tls])
    func `No answer is a failed attempt`(_ kind: TransportFailure.Kind) async throws {
        let receiver = FakeReceiver { _ throws(TransportFailure) in
            throw TransportFailure(kind, maybeSent: false, detail: "why")
        }
        let outcome = await sender(receiver).send(try .sample(attempt: 3))
        guard case .retry(_, let error) = outcome else { throw Unexpected(outcome: outcome) }
        #expect(error == "\(kind.rawValue): why")
    }

    @Test(arguments: [1, 9, 10, 11])
    func `An attempt that we closed is made again at once and does not count`(_ attempt: Int) async throws {
        let receiver = FakeReceiver { _ throws(TransportFailure) in
            throw TransportFailure(.canceled, maybeSent: true, detail: "canceled")
        }
        let outcome = await sender(receiver).send(try .sample(attempt: attempt))
        #expect(outcome == .postponed(at: clock.timestamp))
    }

    @Test func `Ten attempts over three days, each delay within a tenth, then it is given up`() async throws {
        let delays: [Double] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        var seen: Set<Duration> = []
        for seed in UInt64(1)...40 {
            let sender = sender(FakeReceiver { _ in .status(500) }, seed: seed)
            for (index, base) in delays.enumerated() {
                let delay = try #require(self.delay(await sender.send(try .sample(attempt: index + 1))))
                #expect((base * 0.9...base * 1.1).contains(delay.seconds))
                seen.insert(delay)
                clock.advance(by: delay)
            }
            let last = await sender.send(try .sample(attempt: 10))
            #expect(last == .failed(at: clock.timestamp, error: "HTTP 500"))
        }
        #expect(seen.count > 300)  // they do vary
    }

    @Test func `Retry-after is the least wait, up to a day`() async throws {
        for (asked, expected) in [("600", 600.0), ("86400", 86_400), ("999999", 86_400)] {
            let receiver = FakeReceiver { _ in .status(429, [HeaderField("retry-after", asked)]) }
            #expect(delay(await sender(receiver).send(try .sample()))?.seconds == expected)
        }
        let receiver = FakeReceiver { _ in .status(503, [HeaderField("retry-after", "1")]) }
        let delay = try #require(self.delay(await sender(receiver).send(try .sample(attempt: 2))))
        #expect(delay.seconds >= 270)
    }

    @Test func `The request is signed, timed and kept to allowed addresses`() async throws {
        let receiver = FakeReceiver()
        _ = await sender(receiver).send(try .sample(endpoint: .sample()))
        let request = try #require(receiver.requests.first)
        let limit = Duration.seconds(7)
        #expect(request.timeouts == Timeouts(connect: limit, firstByte: limit, idle: limit, total: limit))
        #expect(request.addresses == AddressPolicy(allowed: []))
        #expect(request.method == "POST" && request.url == "https://receiver.test/hook")
        #expect(request.headers.first("content-type") == "application/json")
        #expect(receiver.paths == [.direct])
        let signer = try #require(StandardWebhooks(secret: Secret(FixedSecrets.text)))
        let expected = signer.headers(
            id: "evt_0123456789abcdef0123456789abcdef", at: clock.timestamp, payload: try #require(request.body))
        #expect(Array(request.headers.prefix(3)) == expected)
    }

    @Test func `A secret that does not open, or is none, fails the delivery unsent`() async throws {
        let receiver = FakeReceiver()
        let sealed = await sender(receiver).send(try .sample(endpoint: .sample(sealed: [2])))
        #expect(sealed == .failed(at: clock.timestamp, error: "It does not open."))
        let odd = await sender(receiver, secrets: FixedSecrets(secret: Secret("odd"))).send(try .sample())
        guard case .failed = odd else { throw Unexpected(outcome: odd) }
        #expect(receiver.requests.isEmpty)
    }

    private struct Unexpected: Error {
        let outcome: DeliveryOutcome
    }
}
