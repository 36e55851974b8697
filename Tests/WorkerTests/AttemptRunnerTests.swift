import Domain
import Queue
import TestSupport
import Testing
import Upstream

@testable import Worker

@Suite(.timeLimit(.minutes(1)))
struct AttemptRunnerTests {
    private static func fault(_ kind: TransportFailure.Kind, maybeSent: Bool) -> Verdict {
        .egressFault(TransportFailure(kind, maybeSent: maybeSent, detail: "why"))
    }

    @Test func `A success ends the job with the answer's bytes and the headers worth keeping`() async throws {
        let headers = ["Content-Type", "content-encoding", "anthropic-organization-id", "connection", "set-cookie"]
            .map { HeaderField($0, "v") }
        let world = WorkerWorld(answer: .init(reply: .sample(200, headers)))
        let id = try await world.submit()[0]
        let claim = try await world.attempt()
        let result = try #require(try await world.memory.result(of: id, tenant: nil))
        #expect(try await world.job(id).state == .succeeded)
        #expect(result.status == 200 && result.body == Array("{\"n\":1}".utf8))
        #expect(
            result.headers.map(\.name) == [
                "request-id", "Content-Type", "content-encoding", "anthropic-organization-id",
            ])
        #expect(
            try await world.journal(id) == [
                AttemptRecord(
                    attempt: 1, key: "key-1", egress: "direct", startedAt: world.now, endedAt: world.now, status: 200,
                    requestID: "req_1", verdict: "success", maybeBilled: false, bytesSent: claim.body.count,
                    bytesReceived: 7)
            ])
        let call = try #require(world.gateway.calls.first)
        #expect(call.method == "POST" && call.path == "/v1/messages" && call.body == claim.body)
        #expect(call.headers == claim.headers + [HeaderField("content-type", "application/json")])
    }

    @Test func `A fault of the request ends the job with the answer, unretried`() async throws {
        let world = WorkerWorld(answer: .init(verdict: .clientFault, reply: .sample(400)))
        let id = try await world.submit()[0]
        _ = try await world.attempt()
        #expect(try await world.job(id).state == .errored)
        #expect(try await world.memory.result(of: id, tenant: nil)?.status == 400)
        #expect(try await world.journal(id).map(\.verdict) == ["client_fault"])
    }

    @Test func `A job avoids the paths that have failed it`() async throws {
        let cases: [(Verdict, UpstreamReply?, Set<String>)] = [
            (Self.fault(.timeout, maybeSent: true), nil, ["direct"]),
            (Self.fault(.exhausted, maybeSent: false), nil, []),
            (.egressRefused, .sample(403), ["direct"]), (.upstreamFault(retryAfter: nil), .sample(500), ["direct"]),
            (.rateLimited(retryAfter: nil), .sample(429), []),
            (.rateLimited(retryAfter: nil), UpstreamReply(status: 429, headers: [], body: []), ["direct"]),
        ]
        for (verdict, reply, avoided) in cases {
            let world = WorkerWorld(answer: .init(verdict: verdict, reply: reply))
            _ = try await world.submit()
            _ = try await world.attempt()
            world.clock.advance(by: .seconds(3600))
            _ = try await world.attempt()
            #expect(world.gateway.avoided == [[], avoided], "\(verdict)")
        }
    }

    @Test func `A job whose request does not open is not sent, and says why`() async throws {
        let world = WorkerWorld()
        let id = try await world.submit()[0]
        let claim = try await world.claim()
        let damage = RelayError.payloadUnreadable(PayloadPlace(.request, of: id.text))
        let damaged = Claim(
            lease: claim.lease, tenant: claim.tenant, body: [], headers: [], model: claim.model,
            createdAt: claim.createdAt, deadline: nil, firstClaimedAt: claim.firstClaimedAt, damage: damage)
        await AttemptRunner(services: world.services, registry: world.registry).run(
            damaged, with: world.gateway.permit(start: nil))
        #expect(world.gateway.calls.isEmpty)
        #expect(try await world.job(id).state == .errored)
        #expect(try await world.memory.result(of: id, tenant: nil) == JobResult(damage))
        #expect(try await world.journal(id).map(\.verdict) == ["sealed_value_unreadable"])
    }

    @Test func `Refusals for want of permission are counted apart from a job's other attempts`() async throws {
        let world = WorkerWorld(answer: .init(verdict: .permissionRefused, reply: .sample(403)))
        let id = try await world.submit()[0]
        for _ in 1...4 {
            let lease = try await world.claim().lease
            try await world.memory.settle(
                Settlement(
                    lease: lease, outcome: .retry(at: world.now),
                    attempt: .sample(lease, at: world.now, verdict: "rate_limited")))
        }
        for refusal in 1...3 {
            _ = try await world.attempt()
            #expect(try await world.job(id).state == (refusal < 3 ? .queued : .errored))
            world.clock.advance(by: .seconds(120))
        }
    }

    @Test func `A job that pacing puts back again and again waits on, unjournaled, at instants of its own`()
        async throws
    {
        let world = WorkerWorld(
            answer: .init(verdict: .deferred(retryAfter: .seconds(2))),
            retry: RetryPolicy(maxAttempts: 1, maxElapsed: .seconds(1)))
        let id = try await world.submit()[0]
        var waits: Set<Duration> = []
        for _ in 1...5 {
            _ = try await world.attempt()
            let job = try await world.job(id)
            #expect(job.state == .queued)
            waits.insert(job.runAt.duration(since: world.now))
            world.clock.advance(by: .seconds(3600))
        }
        #expect(waits.count == 5 && waits.allSatisfy { (.seconds(2) ... .seconds(3)).contains($0) })
        #expect(try await world.journal(id).isEmpty)
    }

    @Test(arguments: [
        (Verdict.rateLimited(retryAfter: .seconds(90)), 429, 90, false),
        (.overloaded(retryAfter: .seconds(5)), 529, 5, false),
        (.overloaded(retryAfter: nil), 529, 0, false),
        (.spendLimited, 429, 0, false),
        (.keyRefused, 401, 0, false),
        (.egressRefused, 403, 0, false),
        (.upstreamFault(retryAfter: nil), 500, 0, true),
        (fault(.broken, maybeSent: true), nil, 0, true),
        (fault(.connect, maybeSent: false), nil, 0, false),
    ])
    func `Whatever may end better is tried again, not before it was asked for`(
        _ verdict: Verdict, _ status: Int?, _ floor: Int, _ maybeBilled: Bool
    ) async throws {
        let world = WorkerWorld(answer: .init(verdict: verdict, reply: status.map { .sample($0) }))
        let id = try await world.submit()[0]
        _ = try await world.attempt()
        let job = try await world.job(id)
        let wait = job.runAt.duration(since: world.now)
        #expect(job.state == .queued)
        #expect(wait >= .seconds(floor) && wait <= .seconds(max(floor, 1)))
        let line = try #require(try await world.journal(id).first)
        #expect(line.verdict == verdict.code && line.status == status && line.maybeBilled == maybeBilled)
        #expect(line.requestID == status.map { _ in "req_1" })
    }

    @Test func `After the last attempt the job ends with the last answer`() async throws {
        let retry = RetryPolicy(maxAttempts: 2, maxElapsed: .seconds(1000))
        let world = WorkerWorld(
            answer: .init(verdict: .upstreamFault(retryAfter: nil), reply: .sample(500)), retry: retry)
        let id = try await world.submit()[0]
        _ = try await world.attempt()
        #expect(try await world.job(id).state == .queued)
        world.clock.advance(by: .seconds(2))
        _ = try await world.attempt()
        #expect(try await world.job(id).state == .errored)
        #expect(try await world.memory.result(of: id, tenant: nil)?.status == 500)
        #expect(try await world.journal(id).map(\.attempt) == [1, 2])
    }

    @Test func `Attempts that the provider was too loaded to execute do not use the job up`() async throws {
        let retry = RetryPolicy(maxAttempts: 2, maxElapsed: .seconds(1000))
        let world = WorkerWorld(answer: .init(verdict: .overloaded(retryAfter: nil), reply: .sample(529)), retry: retry)
        let id = try await world.submit()[0]
        for _ in 0..<5 {
            _ = try await world.attempt()
            #expect(try await world.job(id).state == .queued)
            world.clock.advance(by: .seconds(60))
        }
    }

    @Test func `After the last attempt without any answer the job ends with the relay's envelope`() async throws {
        let world = WorkerWorld(
            answer: .init(verdict: Self.fault(.timeout, maybeSent: true)),
            retry: RetryPolicy(maxAttempts: 1, maxElapsed: .seconds(1000)))
        let id = try await world.submit()[0]
        _ = try await world.attempt()
        let result = try #require(try await world.memory.result(of: id, tenant: nil))
        let text = String(decoding: result.body, as: UTF8.self)
        #expect(try await world.job(id).state == .errored)
        #expect(result.status == 502 && text.contains(#""error_code":"retries_exhausted""#))
        #expect(text.contains("egress_fault_timeout"))
    }

    @Test func `A retry that would begin after the time for all of them is not made`() async throws {
        let world = WorkerWorld(
            answer: .init(verdict: .rateLimited(retryAfter: .seconds(60)), reply: .sample(429)),
            retry: RetryPolicy(maxAttempts: 20, maxElapsed: .seconds(59)))
        let id = try await world.submit()[0]
        _ = try await world.attempt()
        #expect(try await world.job(id).state == .errored)
        #expect(try await world.memory.result(of: id, tenant: nil)?.status == 429)
    }

    @Test(arguments: [true, false])
    func `A job whose deadline passes before it can be sent expires, and its permit goes back`(
        _ isPast: Bool
    ) async throws {
        let world = WorkerWorld()
        let deadline = world.now.advanced(by: .seconds(10))
        let id = try await world.submit(deadline: deadline)[0]
        let claim = try await world.claim()
        if isPast { world.clock.advance(by: .seconds(10)) }
        let permit = world.gateway.permit(start: isPast ? nil : deadline)
        await AttemptRunner(services: world.services, registry: world.registry).run(claim, with: permit)
        #expect(try await world.job(id).state == .expired)
        #expect(world.gateway.calls.isEmpty && world.gateway.returned == 1)
        let line = try #require(try await world.journal(id).first)
        #expect(line.key == nil && line.egress == nil && !line.maybeBilled && line.verdict == "deadline_passed")
        #expect(try await world.memory.result(of: id, tenant: nil)?.status == 504)
    }

    @Test func `An answer outlives a store that is away for longer than a lease`() async throws {
        let world = WorkerWorld()
        let id = try await world.submit()[0]
        world.store.fail(settles: 200)
        try await world.start()
        try await world.until {
            world.clock.advance(by: .seconds(1))
            return world.registry.count == 0
        }
        #expect(world.now.duration(since: try await world.job(id).createdAt) > .seconds(60))
        #expect(try await world.job(id).state == .succeeded)
        #expect(world.gateway.calls.count == 1)
        #expect(try await world.journal(id).count == 1)
    }

    @Test func `A process that ends waits a lease's time for the store, no longer`() async throws {
        let world = WorkerWorld()
        let id = try await world.submit()[0]
        world.store.fail(settles: .max)
        let claim = try await world.start()
        await world.clock.waitForSleepers()
        world.registry.stop(claim.lease, because: .shutdown)
        try await world.until {
            world.clock.advance(by: .milliseconds(100))
            return world.registry.count == 0
        }
        let waited = world.now.duration(since: try await world.job(id).createdAt)
        #expect(waited >= .seconds(25))
        #expect(try await world.job(id).state == .running)
    }
}
