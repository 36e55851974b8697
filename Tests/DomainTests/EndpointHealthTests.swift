import Domain
import TestSupport
import Testing

struct EndpointHealthTests {
    private let start = Timestamp(microseconds: 1_767_225_600_000_000)
    private let rules = EndpointRules()

    private func after(_ seconds: Int) -> Timestamp { start.advanced(by: .seconds(seconds)) }

    /// A receiver that has failed so often at the start.
    private func failing(_ times: Int) -> EndpointHealth {
        var health = EndpointHealth()
        for _ in 0..<times { _ = health.failed(at: start, rules: rules) }
        return health
    }

    @Test func `a receiver that works gets twice as much with each success, up to the limit`() {
        var health = EndpointHealth()
        var seen: [Int] = []
        for _ in 0..<5 {
            seen.append(health.capacity(limit: 10, at: start))
            health.succeeded(after: .zero, rules: rules)
        }
        #expect(seen == [1, 2, 4, 8, 10])
        _ = health.failed(at: start, rules: rules)
        #expect(health.capacity(limit: 10, at: start) == 1)
    }

    @Test func `five failures in a row trip it, and its rest doubles with each probe that fails`() {
        #expect(failing(4).state(at: start) == .passing)
        var health = failing(5)
        var now = start
        for rest in [30, 60, 120, 240, 480, 600, 600] {
            #expect(health.trippedUntil == now.advanced(by: .seconds(rest)))
            #expect(health.state(at: now) == .tripped && health.capacity(limit: 9, at: now) == 0)
            now = now.advanced(by: .seconds(rest))
            #expect(health.state(at: now) == .probing && health.capacity(limit: 9, at: now) == 1)
            _ = health.failed(at: now, rules: rules)
        }
        health.succeeded(after: .zero, rules: rules)
        #expect(health.state(at: now) == .passing && health.failures == 0 && health.failingSince == nil)
        #expect(health.capacity(limit: 9, at: now) == 2, "and it begins gently")
    }

    @Test func `attempts that had begun before it tripped do not prolong its rest`() {
        var health = failing(5)
        for _ in 0..<20 { _ = health.failed(at: after(10), rules: rules) }
        #expect(health.trippedUntil == after(30))
    }

    @Test func `it is to be disabled after five days of nothing but failures, and ten of them`() {
        let day = 86_400
        #expect(!isDisabled(failingDaily(9, until: 5 * day), byFailureAfter: 5 * day), "nine failures")
        #expect(isDisabled(failingDaily(10, until: 5 * day), byFailureAfter: 5 * day))
        #expect(!isDisabled(failingDaily(50, until: 5 * day - 1), byFailureAfter: 5 * day - 1), "not for long enough")
        var again = failingDaily(20, until: 5 * day)
        again.succeeded(after: .zero, rules: rules)
        #expect(!isDisabled(again, byFailureAfter: 10 * day), "a success begins anew")
    }

    @Test func `one failure after a long silence disables nothing, however long ago the others were`() {
        let day = 86_400
        var health = failing(30)
        #expect(!isDisabled(health, byFailureAfter: 90 * day))
        _ = health.failed(at: after(90 * day), rules: rules)
        #expect(health.failingSince == after(90 * day) && health.failures == 1)
        #expect(health.state(at: after(90 * day)) == .tripped, "it was a probe")
    }

    /// So many failures but one, spread from the start to `end` in seconds; the last one is to come.
    private func failingDaily(_ times: Int, until end: Int) -> EndpointHealth {
        var health = EndpointHealth()
        for index in 0..<(times - 1) { _ = health.failed(at: after(end * index / times), rules: rules) }
        return health
    }

    private func isDisabled(_ health: EndpointHealth, byFailureAfter seconds: Int) -> Bool {
        var health = health
        return health.failed(at: after(seconds), rules: rules)
    }

    @Test func `trusted is who answered well and soon, the last time`() {
        var health = EndpointHealth()
        #expect(!health.isTrusted, "nothing is known of it")
        health.succeeded(after: .milliseconds(2999), rules: rules)
        #expect(health.isTrusted)
        health.succeeded(after: .seconds(3), rules: rules)
        #expect(!health.isTrusted && health.window == 4, "slow, but it gets as much")
        health.succeeded(after: .zero, rules: rules)
        _ = health.failed(at: start, rules: rules)
        #expect(!health.isTrusted)
    }

    @Test func `who asks to be left alone is, up to the longest rest, then probed`() {
        var health = EndpointHealth()
        health.succeeded(after: .zero, rules: rules)
        _ = health.failed(at: start, wish: .seconds(7), rules: rules)
        #expect(health.state(at: after(6)) == .tripped && health.state(at: after(7)) == .probing)
        _ = health.failed(at: after(7), wish: .seconds(86_400), rules: rules)
        #expect(health.trippedUntil == after(607))
        health.succeeded(after: .zero, rules: rules)
        #expect(health.state(at: after(607)) == .passing)
    }

    @Test func `a clock that was ahead leaves no receiver alone for longer than its rest`() {
        var health = EndpointHealth()
        for _ in 0..<5 { _ = health.failed(at: after(3600), rules: rules) }
        health.rebase(by: .seconds(3600), to: start)
        #expect(health.trippedUntil == after(30) && health.failingSince == start)
        var right = failing(5)
        right.rebase(by: .seconds(3600), to: after(1))
        #expect(right.trippedUntil == after(30), "what a right clock has set stays")
    }

    @Test(arguments: UInt64(0)..<200)
    func `whatever happens, it stays within its bounds`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var health = EndpointHealth()
        var now = start
        var failures = 0
        for _ in 0..<300 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0...90_000, using: &random)))
            let before = health.state(at: now)
            let until = health.trippedUntil
            if Bool.random(using: &random) || Bool.random(using: &random) {
                _ = health.failed(at: now, rules: rules)
                failures += 1
                #expect(health.window == 1)
                #expect(before != .tripped || health.trippedUntil == until)
                #expect(before != .probing || health.state(at: now) == .tripped)
            } else {
                health.succeeded(after: .zero, rules: rules)
                failures = 0
                #expect(health.state(at: now) == .passing)
            }
            #expect(health.failures == failures && (health.failingSince == nil) == (failures == 0))
            #expect((health.trippedUntil != nil) == (failures >= rules.tripAfter))
            #expect((1...EndpointHealth.widest).contains(health.window))
            #expect(health.rest <= rules.longestRest)
            let capacity = health.capacity(limit: 7, at: now)
            #expect((0...7).contains(capacity))
            let stored = EndpointHealth(
                window: health.window, failures: health.failures, failingSince: health.failingSince,
                trippedUntil: health.trippedUntil, rest: health.rest,
                lastFailedAt: health.lastFailedAt, isTrusted: health.isTrusted)
            #expect(stored == health)
        }
    }
}
