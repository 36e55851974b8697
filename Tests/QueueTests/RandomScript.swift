import Domain
import Queue
import TestSupport

/// Draws steps that often meet: few tenants, few keys, leases both fresh and stale.
struct RandomScript {
    static let tenants: [TenantID] = [.sample("a"), .sample("b"), .sample("c")]

    private var random: SeededGenerator
    private let clock: ManualClock
    private var jobs: [NewJob] = []
    private var leases: [Lease] = []
    private var deliveries: [Delivery] = []
    private var endpointCount = 0

    init(seed: UInt64, clock: ManualClock) {
        self.random = SeededGenerator(seed: seed)
        self.clock = clock
    }

    mutating func learn(from answer: Step.Answer) {
        if case .claims(let claims) = answer { leases += claims.map(\.lease) }
        if case .deliveries(let claimed) = answer { deliveries += claimed }
    }

    mutating func next() -> Step {
        if chance(3) { clock.advance(by: .milliseconds(Int.random(in: 0...3000, using: &random))) }
        let now = clock.timestamp
        switch Int.random(in: 0..<18, using: &random) {
        case 0...2: return .submit(makeJobs(at: now))
        case 3, 4:
            return .claim(
                Int.random(in: 0...4, using: &random), bytes: chance(4) ? 2 : 1000,
                of: chance(2) ? nil : ModelClass(model: pickModel()), at: now)
        case 5: return .renew(leases.suffix(4), at: now)
        case 6, 7: return makeSettlement(at: now).map(Step.settle) ?? .reap(at: now)
        case 8: return .reap(at: now)
        case 9:
            guard let job = jobs.randomElement(using: &random) else { return .reap(at: now) }
            return .cancel(job.id, pickTenant(), at: now)
        case 10: return changeEndpoints(at: now)
        case 11: return replay(at: now)
        case 12: return upkeep(at: now)
        case 13: return askAnew(at: now)
        default: return deliver(at: now)
        }
    }

    private mutating func makeJobs(at now: Timestamp) -> [NewJob] {
        let batch = (0..<Int.random(in: 1...4, using: &random)).map { _ in makeJob(at: now) }
        jobs += batch
        return batch
    }

    private mutating func makeJob(at now: Timestamp) -> NewJob {
        let key = IdempotencyKey(
            key: "k\(Int.random(in: 0..<6, using: &random))", fingerprint: [UInt8.random(in: 0...1, using: &random)],
            expiresAt: now.advanced(by: .seconds(4)))
        let webhooks: [WebhookTarget?] = [nil, .url("https://example.com"), .endpoint("whe_0"), .endpoint("whe_1")]
        return NewJob(
            id: .make(at: now, using: &random), tenant: pickTenant(),
            body: Array(repeating: 7, count: Int.random(in: 0...3, using: &random)),
            headers: [], model: pickModel(), priority: Priority(Int.random(in: 4...6, using: &random)) ?? .normal,
            createdAt: now, runAt: now.advanced(by: .seconds(chance(4) ? 2 : 0)),
            deadline: chance(4) ? now.advanced(by: .seconds(6)) : nil,
            webhook: webhooks.randomElement(using: &random) ?? nil, idempotency: chance(2) ? key : nil)
    }

    private mutating func pickModel() -> String {
        ["m", "claude-opus-4-1", "claude-haiku-4-5"].randomElement(using: &random) ?? "m"
    }

    private mutating func makeSettlement(at now: Timestamp) -> Settlement? {
        guard let lease = leases.suffix(6).randomElement(using: &random) else { return nil }
        let outcomes: [Settlement.Outcome] = [
            .ended(.succeeded, .sample()), .ended(.errored, .sample(status: 400)), .ended(.canceled, .sample()),
            .retry(at: now.advanced(by: .seconds(1))), .deferred(until: now.advanced(by: .seconds(1))),
        ]
        let outcome = outcomes.randomElement(using: &random) ?? .retry(at: now)
        return Settlement(lease: lease, outcome: outcome, attempt: .sample(lease, at: now))
    }

    private mutating func changeEndpoints(at now: Timestamp) -> Step {
        if endpointCount > 0, chance(3) {
            return .removeEndpoint(pickEndpoint(), pickTenant())
        }
        if endpointCount > 0, chance(2) { return .changeEndpoint(pickEndpoint(), makeChange(at: now), at: now) }
        if endpointCount > 0, chance(3) { return .postTest(pickEndpoint(), at: now) }
        defer { endpointCount += 1 }
        return .addEndpoint(
            WebhookEndpoint(
                id: "whe_\(endpointCount)", tenant: pickTenant(), url: "https://example.com/\(endpointCount)",
                events: Set(WebhookEvent.subscribable.filter { _ in chance(2) }),
                secret: EndpointSecret(sealed: [1], createdAt: now), createdAt: now))
    }

    private mutating func pickEndpoint() -> String {
        "whe_\(Int.random(in: 0..<max(endpointCount, 1), using: &random))"
    }

    private mutating func makeChange(at now: Timestamp) -> EndpointChange {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: EndpointChange(url: "https://example.com/\(Int.random(in: 0..<9, using: &random))")
        case 1: EndpointChange(events: Set(WebhookEvent.subscribable), payload: .thin)
        case 2:
            EndpointChange(
                rotation: SecretRotation(sealed: [2], sealedUnder: 1, previousExpiresAt: now.advanced(by: .seconds(5))))
        case 3: EndpointChange(status: .disabled)
        case 4: EndpointChange(status: .paused)
        default: EndpointChange(status: .active)
        }
    }

    private mutating func askAnew(at now: Timestamp) -> Step {
        guard let delivery = deliveries.suffix(12).randomElement(using: &random), chance(2) else {
            return .redeliverFailed(
                chance(2) ? nil : pickEndpoint(), chance(2) ? nil : pickTenant(),
                since: now.advanced(by: .seconds(-Int.random(in: 0...9, using: &random))), at: now)
        }
        return .redeliver(delivery.id, at: now)
    }

    private mutating func replay(at now: Timestamp) -> Step {
        let replays = jobs.suffix(12).filter { _ in chance(3) }.map {
            Replay($0.id, as: .make(at: now, using: &random))
        }
        return .replay(replays, chance(2) ? nil : pickTenant(), at: now)
    }

    private mutating func upkeep(at now: Timestamp) -> Step {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return .prune(before: now.advanced(by: .seconds(-5)))
        case 1:
            let step = Duration.seconds(Int.random(in: 1...3, using: &random))
            return .rebase(step, at: now.advanced(by: .zero - step))
        default:
            let share = TenantShare(
                tenant: pickTenant(), weight: Int.random(in: 1...4, using: &random),
                maxRunning: chance(2) ? Int.random(in: 1...3, using: &random) : nil)
            return share.map(Step.setShare) ?? .reap(at: now)
        }
    }

    private mutating func deliver(at now: Timestamp) -> Step {
        guard let delivery = deliveries.suffix(4).randomElement(using: &random), chance(2) else {
            return .claimDeliveries(at: now)
        }
        let later = now.advanced(by: .seconds(1))
        let outcomes: [DeliveryOutcome] = [
            .delivered(at: now, status: 200), .delivered(at: now, status: 204), .failed(at: now, error: "no"),
            .retry(at: later, error: "busy"), .retry(at: now, error: "busy"), .postponed(at: later),
            chance(4) ? .gone(at: now, status: 410) : .retry(at: later, error: "busy"),
        ]
        let outcome = outcomes.randomElement(using: &random) ?? .failed(at: now, error: "")
        return .settleDelivery(delivery, outcome, at: now)
    }

    private mutating func pickTenant() -> TenantID {
        Self.tenants.randomElement(using: &random) ?? .sample()
    }

    /// True once in `times`.
    private mutating func chance(_ times: Int) -> Bool {
        Int.random(in: 0..<times, using: &random) == 0
    }
}
