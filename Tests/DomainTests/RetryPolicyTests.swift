import Domain
import TestSupport
import Testing

struct RetryPolicyTests {
    private static func verdict(using random: inout SeededGenerator) -> Verdict {
        let delay: Duration? =
            Bool.random(using: &random) ? .milliseconds(.random(in: 0...90_000, using: &random)) : nil
        let all: [Verdict] = [
            .rateLimited(retryAfter: delay), .spendLimited, .overloaded(retryAfter: delay), .keyRefused,
            .egressRefused, .upstreamFault(retryAfter: delay),
            .egressFault(TransportFailure(.broken, maybeSent: true, detail: "")),
        ]
        return all[Int.random(in: 0..<all.count, using: &random)]
    }

    @Test(arguments: UInt64(0)..<200)
    func `retries stay within the budget and never undercut retry-after`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let policy = RetryPolicy(
            maxAttempts: .random(in: 1...20, using: &random),
            maxElapsed: .seconds(Int.random(in: 0...600, using: &random)))
        var elapsed = Duration.zero
        var attempts = 0
        while attempts <= policy.maxAttempts {
            attempts += 1
            let verdict = Self.verdict(using: &random)
            let decision = policy.decide(after: verdict, attempt: attempts, elapsed: elapsed, using: &random)
            guard case .retry(let delay) = decision else {
                #expect(decision == .giveUp)
                break
            }
            #expect(delay >= verdict.retryAfter ?? .zero)
            #expect(delay <= max(policy.backoff.bound(afterAttempt: attempts), verdict.retryAfter ?? .zero))
            elapsed += delay
            #expect(elapsed <= policy.maxElapsed)
        }
        #expect(attempts <= policy.maxAttempts)
    }

    @Test(arguments: [
        Verdict.success, .clientFault, .egressFault(TransportFailure(.canceled, maybeSent: true, detail: "")),
        .egressFault(TransportFailure(.tooLarge, maybeSent: true, detail: "")),
    ])
    func `what cannot end better is finished`(_ verdict: Verdict) {
        var random = SeededGenerator(seed: 1)
        let decision = RetryPolicy.jobs.decide(after: verdict, attempt: 1, elapsed: .zero, using: &random)
        #expect(decision == .finish)
    }
}

struct BackoffTests {
    @Test(arguments: [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1_000_000, 60), (0, 1), (-5, 1)])
    func `the bound doubles up to the cap`(_ attempt: Int, _ seconds: Int) {
        #expect(Backoff().bound(afterAttempt: attempt) == .seconds(seconds))
    }

    @Test(arguments: 1...12)
    func `delays fill the whole range below the bound`(_ attempt: Int) {
        var random = SeededGenerator(seed: UInt64(attempt))
        let bound = Backoff().bound(afterAttempt: attempt)
        let delays = (0..<500).map { _ in Backoff().delay(afterAttempt: attempt, using: &random) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= bound })
        #expect(delays.contains { $0 < bound / 10 } && delays.contains { $0 > bound * 9 / 10 })
    }

    @Test(arguments: [(1, true), (2, true), (3, false)])
    func `the third refusal for want of permission is the last, whatever came before`(_ refusals: Int, _ goesOn: Bool) {
        var random = SeededGenerator(seed: 1)
        let decision = RetryPolicy.jobs.decide(
            after: .permissionRefused, attempt: 40, charged: 0, refusals: refusals, elapsed: .seconds(9), using: &random
        )
        #expect((decision != .giveUp) == goesOn)
    }

    @Test func `attempts that were surely not executed are bounded by time alone`() {
        var random = SeededGenerator(seed: 1)
        let policy = RetryPolicy(maxAttempts: 3, maxElapsed: .seconds(86_400))
        let overloaded = policy.decide(
            after: .overloaded(retryAfter: nil), attempt: 500, charged: 2, elapsed: .seconds(3600), using: &random)
        #expect(overloaded != .giveUp && overloaded != .finish)
        let late = policy.decide(
            after: .overloaded(retryAfter: nil), attempt: 500, charged: 2, elapsed: .seconds(86_401), using: &random)
        #expect(late == .giveUp)
        let executed = policy.decide(
            after: .upstreamFault(retryAfter: nil), attempt: 500, charged: 3, elapsed: .seconds(3600), using: &random)
        #expect(executed == .giveUp)
    }
}
