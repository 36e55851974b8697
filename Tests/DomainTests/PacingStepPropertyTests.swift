import Domain
import TestSupport
import Testing

/// Two keys of an organization, several processes, and all that can happen to their book: slots are given back in whole or in
/// part, calls cost more or less than was booked and outlast renewals, writes fail, processes die, the clock is set.
/// What has been taken is sent, whatever the clock does: its start is so long after its taking as the two lay apart.
struct PacingStepPropertyTests {
    private static let epoch = Timestamp(microseconds: 1_767_225_600_000_000)

    private struct Call {
        /// In real time.
        let start: Timestamp
        let block: Int
        let slot: Int
        let holder: String
        let booked: TokenCost
        var used: TokenCost
        var isOver = false
    }

    /// What one clock step may let a window hold beyond the limits of a scope.
    private struct Excess {
        var starts = 0
        var input = 0.0
        var output = 0.0
    }

    private struct World {
        var random: SeededGenerator
        let style: PacingStyle
        let limits: [PacingScope: PacingLimits]
        var states: [PacingScope: ScopePacing] = [:]
        var held = SlotsHeld()
        var real = PacingStepPropertyTests.epoch
        var offset = Duration.zero
        var blocks: [SlotBlock] = []
        var calls: [Call] = []
        var holders = ["p0", "p1", "p2"]
        var born = 3
        var renewedAt: [String: Timestamp] = [:]
        var excess: [PacingScope: Excess] = [:]

        var now: Timestamp { real.advanced(by: offset) }
        let organization = PacingScope.organization("o", .other)

        mutating func pass() {
            let isLong = Int.random(in: 0..<25, using: &random) == 0
            real = real.advanced(by: .microseconds(Int.random(in: 0...(isLong ? 9_000_000 : 200_000), using: &random)))
            renew()
        }

        /// As the Gateway keeps in step: each second it looks whether it is time or the clock was set.
        mutating func renew() {
            for holder in holders {
                let isDue = renewedAt[holder].map { now < $0 || now >= $0.advanced(by: CallHold.life / 4) } ?? true
                guard isDue else { continue }
                renewedAt[holder] = now
                for scope in limits.keys { tell(scope, of: holder) }
            }
        }

        private mutating func tell(_ scope: PacingScope, of holder: String) {
            let (count, now) = (held.count(of: holder, in: scope), now)
            states[scope]?.restate(count, by: holder, at: now)
            states[scope]?.renew(holder, at: now)
        }

        mutating func take() {
            let scopes = [[PacingScope.key("a"), .key("b")].randomElement(using: &random) ?? .key("a"), organization]
            let cost = TokenCost(
                input: .random(in: 1...2000, using: &random), output: .random(in: 1...500, using: &random))
            let request = SlotRequest(
                scopes.map { ScopeDemand(scope: $0, limits: limits[$0] ?? .none) },
                limit: .random(in: 1...6, using: &random), cost: cost,
                urgency: Bool.random(using: &random) ? .batch : .interactive,
                horizon: .milliseconds(Int.random(in: 0...10_000, using: &random)),
                holder: holders.randomElement(using: &random) ?? "p0", style: style)
            var before = scopes.map { states[$0] ?? ScopePacing() }
            let offer = request.take(from: &before, holding: held.counts(for: request), at: now)
            for (scope, state) in zip(scopes, before) { states[scope] = state }
            // Now and then it is written, and the process that asked believes that it was not.
            guard case .slots(let block) = offer, Int.random(in: 0..<30, using: &random) > 0 else { return }
            held.took(block, by: request.holder)
            blocks.append(block)
            for slot in 0..<block.count {
                calls.append(
                    Call(
                        start: real.advanced(by: block.start(of: slot).duration(since: now)), block: blocks.count - 1,
                        slot: slot, holder: request.holder, booked: cost, used: cost))
            }
        }

        private mutating func settle(_ index: Int, _ used: TokenCost) {
            let call = calls[index], block = blocks[call.block]
            calls[index].used = used
            calls[index].isOver = true
            correct(block, ended: 1, by: call.holder) { pacing, share, now in
                pacing.settle(call.slot, of: block, share, cost: used, by: call.holder, at: now)
            }
        }

        private mutating func correct(
            _ block: SlotBlock, ended: Int, by holder: String,
            _ change: (inout ScopePacing, ScopeShare, Timestamp) -> Void
        ) {
            held.ended(ended, of: block, by: holder)
            guard Int.random(in: 0..<20, using: &random) > 0 else { return }  // it cannot be written
            let now = now
            for share in block.shares {
                let count = held.count(of: holder, in: share.scope)
                change(&states[share.scope, default: ScopePacing()], share, now)
                states[share.scope]?.restate(count, by: holder, at: now)
            }
        }

        /// A call is over; it has cost what was booked, less, or more.
        mutating func end() {
            let begun = calls.indices.filter { !calls[$0].isOver && calls[$0].start <= real }
            guard let index = begun.randomElement(using: &random) else { return }
            let most = Bool.random(using: &random) ? 1 : 2
            settle(
                index,
                TokenCost(
                    input: .random(in: 0...calls[index].booked.input * most, using: &random),
                    output: .random(in: 0...calls[index].booked.output * most, using: &random)))
        }

        /// As the Gateway does it: the end of a block goes back, a slot before one in use is spent.
        mutating func giveBack() {
            let unbegun = calls.indices.filter { !calls[$0].isOver && calls[$0].start > real }
            guard let some = unbegun.randomElement(using: &random) else { return }
            let number = calls[some].block, block = blocks[number], holder = calls[some].holder
            let slots = Set(
                unbegun.filter { calls[$0].block == number && Int.random(in: 0..<4, using: &random) > 0 }.map {
                    calls[$0].slot
                })
            let count = (0..<block.count).reversed().prefix { slots.contains($0) }.count
            if count > 0 {
                correct(block, ended: count, by: holder) { $0.giveBack(count, of: block, $1, by: holder, at: $2) }
            }
            for index in unbegun where calls[index].block == number && slots.contains(calls[index].slot) {
                if calls[index].slot < block.count - count { settle(index, .nothing) }
            }
            calls.removeAll { $0.block == number && slots.contains($0.slot) && ($0.isOver || $0.start > real) }
        }

        /// `kill -9`: the connections break, what it had in hand is never used.
        mutating func kill() {
            let place = holders.indices.randomElement(using: &random) ?? 0
            let dead = holders[place]
            calls.removeAll { $0.holder == dead && $0.start > real }
            for index in calls.indices where calls[index].holder == dead { calls[index].isOver = true }
            holders[place] = "p\(born)"
            born += 1
        }

        mutating func setClock() {
            let step = Duration.milliseconds(
                [-3_600_000, -60_000, -3000, 3000, 60_000, 3_600_000].randomElement(using: &random) ?? 0)
            if step > .zero { allow(forStep: step) }
            offset += step
            renew()
        }

        /// To the book the time that was leapt over has passed: what was booked ahead may still come beside what is taken
        /// then, and tokens that had not flowed off seem to have.
        private mutating func allow(forStep step: Duration) {
            for (scope, limits) in limits {
                let pending = calls.count { call in
                    call.start > real && blocks[call.block].shares.contains { $0.scope == scope }
                }
                excess[scope, default: Excess()].starts += pending + 1
                func leapt(_ flow: TokenFlow?, _ rate: TokenRate?) -> Double {
                    guard let flow, let rate else { return 0 }
                    return rate.tokensPerMinute / 60 * max(0, min(step, flow.until.duration(since: now)).seconds)
                }
                excess[scope, default: Excess()].input += leapt(states[scope]?.input, limits.input)
                excess[scope, default: Excess()].output += leapt(states[scope]?.output, limits.output)
            }
        }

        mutating func slowDown() {
            let now = now
            states[organization]?.slowDown(at: now)
        }

        mutating func learn() {
            func headers(_ family: String, _ rate: Double) -> [HeaderField] {
                let remaining = Bool.random(using: &random) ? 0 : rate
                return [
                    HeaderField("anthropic-ratelimit-\(family)-limit", "\(rate)"),
                    HeaderField("anthropic-ratelimit-\(family)-remaining", "\(remaining)"),
                ]
            }
            let limits = limits[organization] ?? .none
            let input = (limits.input?.tokensPerMinute ?? 1000) * Double.random(in: 0.5...2, using: &random)
            guard let report = RateLimitReport(headers("input-tokens", input) + headers("requests", 6000)) else {
                return
            }
            let (burst, now) = (style.tokenBurst, now)
            states[organization, default: ScopePacing()].learn(report, burst: burst, at: now)
        }
    }

    private func world(_ seed: UInt64) -> World {
        var random = SeededGenerator(seed: seed)
        var style = PacingStyle()
        style.tokenBurst = .milliseconds(Int.random(in: 0...12_000, using: &random))
        style.interactiveShare = Double.random(in: 0...0.5, using: &random)
        if seed % 4 == 0 { style.rampUp = .seconds(20) }
        func rate() -> PacingRate? { PacingRate(requestsPerSecond: Double.random(in: 0.5...50, using: &random)) }
        let limits: [PacingScope: PacingLimits] = [
            .key("a"): PacingLimits(rate: rate(), concurrency: Int.random(in: 1...12, using: &random)),
            .key("b"): PacingLimits(
                rate: seed % 2 == 0 ? rate() : nil,
                input: TokenRate(tokensPerMinute: Double.random(in: 10_000...1_000_000, using: &random))),
            .organization("o", .other): PacingLimits(
                rate: seed % 3 == 0 ? rate() : nil,
                input: TokenRate(tokensPerMinute: Double.random(in: 10_000...1_000_000, using: &random)),
                output: TokenRate(tokensPerMinute: Double.random(in: 1000...300_000, using: &random)),
                concurrency: Int.random(in: 1...20, using: &random)),
        ]
        return World(random: random, style: style, limits: limits)
    }

    private func run(_ world: inout World, setsClock: Bool, _ words: String) throws {
        for _ in 0..<500 {
            world.pass()
            switch Int.random(in: 0..<60, using: &world.random) {
            case 0: world.kill()
            case 1 where setsClock: world.setClock()
            case 2: world.learn()
            case 3: world.slowDown()
            case 4..<10: world.giveBack()
            case 10..<36: world.take()
            default: world.end()
            }
            for (scope, limits) in world.limits {
                guard let concurrency = limits.concurrency else { continue }
                let inFlight = world.calls.count { call in
                    !call.isOver && world.blocks[call.block].shares.contains { $0.scope == scope }
                }
                #expect(inFlight <= concurrency, "\(words) \(scope.name)")
            }
        }
    }

    @Test(arguments: UInt64(0)..<60, [false, true])
    func `no window holds more than its limits, whatever is given back, outlasts, fails, dies or is set`(
        seed: UInt64, setsClock: Bool
    ) throws {
        var world = world(seed)
        let words = "seed \(seed), \(setsClock ? "steps" : "no steps")"
        try run(&world, setsClock: setsClock, words)
        for (scope, limits) in world.limits {
            let calls = world.calls.filter { call in
                world.blocks[call.block].shares.contains { $0.scope == scope }
            }.sorted { $0.start < $1.start }
            let excess = world.excess[scope] ?? Excess()
            if let rate = limits.rate?.requestsPerSecond {
                check(calls, rate, Double(excess.starts), "\(words) \(scope.name) starts") { _ in
                    1
                } most: { _ in
                    1
                }
            }
            let burst = world.style.tokenBurst.seconds
            // What a call cost beyond what was booked nobody could know: it is paid back.
            if let rate = limits.input.map({ $0.tokensPerMinute / 60 }) {
                check(calls, rate, rate * burst + excess.input, "\(words) \(scope.name) input") {
                    Double(min($0.used.input, $0.booked.input))
                } most: {
                    Double($0.booked.input)
                }
            }
            if let rate = limits.output.map({ $0.tokensPerMinute / 60 }) {
                check(calls, rate, rate * burst + excess.output, "\(words) \(scope.name) output") {
                    Double(min($0.used.output, $0.booked.output))
                } most: {
                    Double($0.booked.output)
                }
            }
        }
        // What is told of a process is what it has in hand, so nothing leaks.
        for holder in world.holders {
            #expect(world.held.scopes(of: holder) == inHand(world)[holder] ?? [:], "\(words)")
        }
    }

    /// Of each process that lives, by scope.
    private func inHand(_ world: World) -> [String: [PacingScope: Int]] {
        var counts: [String: [PacingScope: Int]] = [:]
        for call in world.calls where !call.isOver {
            for share in world.blocks[call.block].shares where share.countsCalls {
                counts[call.holder, default: [:]][share.scope, default: 0] += 1
            }
        }
        return counts
    }

    /// Windows from each call to each later one: they hold no more than flows in their time, `extra`, and one call. Times are
    /// rounded to microseconds, so tokens may be one off.
    private func check(
        _ calls: [Call], _ rate: Double, _ extra: Double, _ words: String, _ size: (Call) -> Double,
        most: (Call) -> Double
    ) {
        for (first, call) in calls.enumerated() {
            var sum = 0.0, one = 0.0
            for later in calls[first...] {
                sum += size(later)
                one = max(one, most(later))
                let window = later.start.duration(since: call.start).seconds
                if sum > window * rate + extra + one + (one > 1 ? 1 : 1e-6) {
                    Issue.record("\(words): \(sum) in \(window) s")
                    return
                }
            }
        }
    }
}
