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
            health.succeeded()
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
        health.succeeded()
        #expect(health.state(at: now) == .passing && health.failures == 0 && health.failingSince == nil)
        #expect(health.capacity(limit: 9, at: now) == 2, "and it begins gently")
    }

    @Test func `attempts that had begun before it tripped do not prolong its rest`() {
        var health = failing(5)
        for _ in 0..<20 { _ = health.failed(at: after(10), rules: rules) }
        #expect(health.trippedUntil == after(30))
    }

    @Test func `it is to be disabled after five days of nothing but failures, and ten of them`() {
        let days = 5 * 86_400
        let (nine, ten, young) = (failing(8), failing(9), failing(50))
        #expect(!isDisabled(nine, byFailureAfter: days))
        #expect(isDisabled(ten, byFailureAfter: days))
        #expect(!isDisabled(young, byFailureAfter: days - 1))
        var again = ten
        again.succeeded()
        #expect(!isDisabled(again, byFailureAfter: 2 * days), "a success begins anew")
    }

    private func isDisabled(_ health: EndpointHealth, byFailureAfter seconds: Int) -> Bool {
        var health = health
        return health.failed(at: after(seconds), rules: rules)
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
                health.succeeded()
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
                trippedUntil: health.trippedUntil, rest: health.rest)
            #expect(stored == health)
        }
    }
}
