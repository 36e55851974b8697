import Domain
import TestSupport
import Testing

@Suite struct JobLifecycleTests {
    private let start = Timestamp(microseconds: 1_000_000_000)

    private func seconds(_ count: Int) -> Timestamp {
        start.advanced(by: .seconds(count))
    }

    private func running() -> JobLifecycle {
        var life = JobLifecycle(runAt: start, deadline: nil)
        life.claim(at: start, until: seconds(30))
        return life
    }

    @Test func `a job is claimed from its due time on and before its deadline only`() {
        var life = JobLifecycle(runAt: seconds(5), deadline: seconds(10))
        for instant in [0, 4, 10, 11] {
            life.claim(at: seconds(instant), until: seconds(60))
            #expect(life.state == .queued && life.attempt == 0)
        }
        life.claim(at: seconds(9), until: seconds(60))
        #expect(life.state == .running && life.attempt == 1)
    }

    @Test func `whoever holds an older attempt can change nothing`() {
        var life = running()
        #expect(life.reap(at: seconds(30), charged: 0, maxAttempts: 9) == .queued)
        life.claim(at: seconds(30), until: seconds(60))
        let before = life
        #expect(life.renew(1, until: seconds(90)) == .lost)
        #expect(life.finish(1, as: .succeeded) == nil)
        #expect(life.retry(1, at: seconds(40)) == nil)
        #expect(life == before)
        #expect(life.finish(2, as: .succeeded) == .ended(.succeeded))
    }

    @Test func `a lease holds until its end and no longer, and renewing prolongs it`() {
        var life = running()
        #expect(life.reap(at: seconds(29), charged: 0, maxAttempts: 9) == nil)
        #expect(life.renew(1, until: seconds(45)) == .renewed)
        #expect(life.reap(at: seconds(44), charged: 0, maxAttempts: 9) == nil)
        #expect(life.reap(at: seconds(45), charged: 0, maxAttempts: 9) == .queued)
    }

    @Test func `cancelling wins over a retry and over an expired lease, but not over an answer`() {
        for end in ["retry", "reap", "answer"] {
            var life = running()
            #expect(life.cancel() == .requested)
            #expect(life.renew(1, until: seconds(30)) == .cancelRequested)
            switch end {
            case "retry": #expect(life.retry(1, at: seconds(5)) == .ended(.canceled))
            case "reap": #expect(life.reap(at: seconds(30), charged: 0, maxAttempts: 9) == .ended(.canceled))
            default: #expect(life.finish(1, as: .succeeded) == .ended(.succeeded))
            }
            #expect(life.cancel() == .alreadyEnded(life.state))
        }
    }

    @Test func `leases that keep expiring end a job as errored after its last attempt`() {
        var life = JobLifecycle(runAt: start, deadline: nil)
        for attempt in 1...3 {
            life.claim(at: seconds(attempt), until: seconds(attempt))
            #expect(
                life.reap(at: seconds(attempt), charged: attempt - 1, maxAttempts: 3)
                    == (attempt < 3 ? .queued : .ended(.errored)))
        }
    }

    /// Several workers, an owner and a reaper do anything at any time.
    @Test(arguments: UInt64(0)..<200)
    func `whatever happens in whatever order, the rules hold`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var life = JobLifecycle(
            runAt: seconds(.random(in: 0...5, using: &random)),
            deadline: Bool.random(using: &random) ? seconds(.random(in: 0...40, using: &random)) : nil)
        var clock = 0
        for _ in 0..<60 {
            clock += .random(in: 0...3, using: &random)
            let (now, before) = (seconds(clock), life)
            let attempt = Int.random(in: 0...life.attempt + 1, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: life.claim(at: now, until: now.advanced(by: .seconds(4)))
            case 2: _ = life.renew(attempt, until: now.advanced(by: .seconds(4)))
            case 3:
                let outcome = Bool.random(using: &random)
                let transition =
                    outcome
                    ? life.finish(attempt, as: .succeeded) : life.retry(attempt, at: now.advanced(by: .seconds(1)))
                #expect((transition != nil) == (before.state == .running && attempt == before.attempt))
            case 4: if Int.random(in: 0..<8, using: &random) == 0 { _ = life.cancel() }
            default: _ = life.reap(at: now, charged: life.attempt - 1, maxAttempts: 5)
            }
            check(life, after: before, at: now)
        }
    }

    private func check(_ life: JobLifecycle, after before: JobLifecycle, at now: Timestamp) {
        if before.state.isTerminal { #expect(life == before) }
        #expect((life.lease != nil) == (life.state == .running))
        #expect(life.attempt == before.attempt || (life.attempt == before.attempt + 1 && before.isDue(at: now)))
        #expect(life.attempt <= 5 || life.state != .queued || before.state == .queued)
        if before.state == .running, life.state == .running { #expect(life.attempt == before.attempt) }
        if before.isCancelRequested { #expect(life.isCancelRequested && life.state != .queued) }
        if life.state == .expired { #expect(before.state == .expired || before.isOverdue(at: now)) }
    }
}
