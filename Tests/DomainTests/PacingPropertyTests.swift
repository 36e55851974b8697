import Domain
import TestSupport
import Testing

/// Several processes that share one book of two scopes: they take, settle, give back, die, and the clock goes on.
struct PacingPropertyTests {
    private static let start = Timestamp(microseconds: 1_767_225_600_000_000)

    private struct Call {
        let start: Timestamp
        let block: SlotBlock
        let slot: Int
        let holder: String
        /// What is or was booked, and what it turned out to cost.
        let booked: TokenCost
        var used: TokenCost
        var isOver = false
    }

    private struct World {
        var random: SeededGenerator
        let limits: PacingLimits
        let style: PacingStyle
        var states = [ScopePacing(), ScopePacing()]
        var now = PacingPropertyTests.start
        var calls: [Call] = []
        var dead: Set<String> = []

        var demands: [ScopeDemand] {
            [
                ScopeDemand(scope: .key("k"), limits: PacingLimits(rate: limits.rate, concurrency: limits.concurrency)),
                ScopeDemand(
                    scope: .organization("o", .other), limits: PacingLimits(input: limits.input, output: limits.output)),
            ]
        }

        mutating func take() {
            let cost = TokenCost(
                input: .random(in: 1...2000, using: &random), output: .random(in: 1...500, using: &random))
            let holder = "p\(Int.random(in: 0..<3, using: &random))-\(dead.count)"
            let urgency: Urgency = Bool.random(using: &random) ? .batch : .interactive
            let request = SlotRequest(
                demands, limit: .random(in: 1...6, using: &random), cost: cost, urgency: urgency,
                horizon: .milliseconds(Int.random(in: 0...1500, using: &random)), holder: holder, style: style)
            guard case .slots(let block) = request.take(from: &states, at: now) else { return }
            for slot in 0..<block.count {
                calls.append(
                    Call(
                        start: block.start(of: slot), block: block, slot: slot, holder: holder, booked: cost, used: cost
                    ))
            }
        }

        /// The call is over; it has cost what was booked or less.
        mutating func settle() {
            guard
                let index = calls.indices.filter({ !calls[$0].isOver && calls[$0].start <= now }).randomElement(
                    using: &random)
            else { return }
            let call = calls[index]
            let used = TokenCost(
                input: .random(in: 0...call.booked.input, using: &random),
                output: .random(in: 0...call.booked.output, using: &random))
            for (place, share) in call.block.shares.enumerated() {
                states[place].settle(call.slot, of: call.block, share, cost: used, by: call.holder, at: now)
            }
            calls[index].used = used
            calls[index].isOver = true
        }

        /// A process ends without a word: its calls are over, its slots not yet begun are never used.
        mutating func kill() {
            guard let holder = calls.last(where: { !$0.isOver })?.holder else { return }
            calls.removeAll { $0.holder == holder && $0.start > now }
            for index in calls.indices where calls[index].holder == holder { calls[index].isOver = true }
            dead.insert(holder)
        }
    }

    private func world(_ seed: UInt64) throws -> World {
        var random = SeededGenerator(seed: seed)
        var style = PacingStyle()
        style.tokenBurst = .milliseconds(Int.random(in: 0...3000, using: &random))
        style.interactiveShare = Double.random(in: 0...0.5, using: &random)
        let limits = PacingLimits(
            rate: PacingRate(requestsPerSecond: Double.random(in: 0.5...200, using: &random)),
            input: TokenRate(tokensPerMinute: Double.random(in: 1000...1_000_000, using: &random)),
            output: TokenRate(tokensPerMinute: Double.random(in: 1000...300_000, using: &random)),
            concurrency: Int.random(in: 1...12, using: &random))
        return World(random: random, limits: limits, style: style)
    }

    @Test(arguments: UInt64(0)..<150)
    func `no window of any length holds more than its limits`(seed: UInt64) throws {
        var world = try world(seed)
        for _ in 0..<250 {
            world.now = world.now.advanced(by: .microseconds(Int.random(in: 0...300_000, using: &world.random)))
            switch Int.random(in: 0..<20, using: &world.random) {
            case 0: world.kill()
            case 1..<10: world.take()
            default: world.settle()
            }
            let inFlight = world.calls.count { !$0.isOver }
            #expect(try inFlight <= #require(world.limits.concurrency), "seed \(seed)")
        }
        let calls = world.calls.sorted { $0.start < $1.start }
        let rate = try #require(world.limits.rate), burst = world.style.tokenBurst.seconds
        for (first, call) in calls.enumerated() {
            var input = 0.0, output = 0.0, (most, mostOutput) = (0.0, 0.0)
            for (count, later) in calls[first...].enumerated() {
                let window = later.start.duration(since: call.start).seconds
                #expect(Double(count) <= window * rate.requestsPerSecond + 1e-6, "seed \(seed)")
                // What was booked and not used may flow again only as far as it had not flowed off.
                input += Double(later.used.input)
                output += Double(later.used.output)
                most = max(most, Double(later.booked.input))
                mostOutput = max(mostOutput, Double(later.booked.output))
                let flowed = try #require(world.limits.input).tokensPerMinute / 60 * (window + burst)
                let flowedOutput = try #require(world.limits.output).tokensPerMinute / 60 * (window + burst)
                #expect(input <= flowed + most + 1, "seed \(seed)")
                #expect(output <= flowedOutput + mostOutput + 1, "seed \(seed)")
            }
        }
    }

    @Test func `a killed process strands its calls in flight for a minute at most`() throws {
        var states = [ScopePacing()]
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(concurrency: 3))
        func take(_ holder: String, at now: Timestamp) -> Int {
            let request = SlotRequest([demand], limit: 5, horizon: .zero, holder: holder)
            guard case .slots(let block) = request.take(from: &states, at: now) else { return 0 }
            return block.count
        }
        #expect(take("dead", at: Self.start) == 3)
        #expect(take("alive", at: Self.start.advanced(by: .seconds(59))) == 0)
        #expect(take("alive", at: Self.start.advanced(by: .seconds(61))) == 3)
        states[0].renew("alive", at: Self.start.advanced(by: .seconds(110)))
        #expect(take("other", at: Self.start.advanced(by: .seconds(150))) == 0)
    }

    @Test func `interactive calls book ahead of jobs, and jobs leave them their share`() throws {
        var states = [ScopePacing()]
        let rate = try #require(PacingRate(requestsPerSecond: 10))
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(rate: rate))
        func take(_ urgency: Urgency, _ horizon: Duration, _ limit: Int = 1) -> SlotOffer {
            SlotRequest([demand], limit: limit, urgency: urgency, horizon: horizon).take(from: &states, at: Self.start)
        }
        guard case .slots(let ahead) = take(.interactive, .seconds(10), 20) else { throw Missing.slots }
        #expect(ahead.count == 20)
        // A job looks a moment ahead only, and finds nothing free there.
        #expect(take(.batch, .milliseconds(100)) == .none(until: Self.start.advanced(by: .seconds(2))))
        guard case .slots(let jobs) = take(.batch, .seconds(10), 9) else { throw Missing.slots }
        let expected = rate.spacing / (1 - PacingStyle().interactiveShare)
        #expect(jobs.spacing == expected)
    }

    @Test func `jobs leave interactive calls their share of the calls in flight, and the first of them gets it soon`()
        throws
    {
        var states = [ScopePacing()]
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(concurrency: 10))
        var style = PacingStyle()
        style.interactiveShare = 0.25
        func take(_ urgency: Urgency, _ limit: Int, after wait: Duration = .zero) -> SlotBlock? {
            let request = SlotRequest(
                [demand], limit: limit, urgency: urgency, horizon: .zero, holder: "p", style: style)
            guard case .slots(let block) = request.take(from: &states, at: Self.start.advanced(by: wait)) else {
                return nil
            }
            return block
        }
        let jobs = try #require(take(.batch, 20))
        #expect(jobs.count == 10, "nobody else is there")
        #expect(take(.interactive, 1) == nil)
        for slot in 0..<2 { states[0].settle(slot, of: jobs, jobs.shares[0], cost: nil, by: "p", at: Self.start) }
        #expect(take(.batch, 2) == nil, "eight are in flight, seven of them may be jobs")
        #expect(take(.interactive, 3)?.count == 2)
        for slot in 2..<6 { states[0].settle(slot, of: jobs, jobs.shares[0], cost: nil, by: "p", at: Self.start) }
        #expect(take(.batch, 9)?.count == 1)
        let renewed = Duration.seconds(50)
        states[0].renew("p", at: Self.start.advanced(by: renewed))
        #expect(take(.batch, 9, after: .seconds(61))?.count == 3, "no interactive call for a minute")
    }

    @Test func `jobs leave interactive calls their share of the tokens that may run ahead`() throws {
        let rate = try #require(TokenRate(tokensPerMinute: 60_000))  // 1,000 a second
        let demand = ScopeDemand(scope: .organization("o", .other), limits: PacingLimits(input: rate))
        var style = PacingStyle()
        (style.tokenBurst, style.interactiveShare) = (.seconds(10), 0.5)
        var states = [ScopePacing()]
        func take(_ urgency: Urgency) -> Bool {
            let request = SlotRequest(
                [demand], limit: 1, cost: TokenCost(input: 1000, output: 0), urgency: urgency, horizon: .zero,
                style: style)
            if case .slots = request.take(from: &states, at: Self.start) { return true }
            return false
        }
        #expect(take(.interactive))
        let jobs = (0..<20).count { _ in take(.batch) }
        let calls = (0..<20).count { _ in take(.interactive) }
        #expect(jobs == 5 && calls == 5)
    }

    @Test func `a wrong guess is made good: what was not used is there again, what was used beyond it is paid back`()
        throws
    {
        let rate = try #require(TokenRate(tokensPerMinute: 60_000))  // 1,000 a second
        let demand = ScopeDemand(scope: .organization("o", .other), limits: PacingLimits(input: rate))
        var style = PacingStyle()
        style.tokenBurst = .seconds(1)
        func book(_ tokens: Int, _ states: inout [ScopePacing]) throws -> SlotBlock {
            let request = SlotRequest(
                [demand], limit: 1, cost: TokenCost(input: tokens, output: 0), horizon: .seconds(10), style: style)
            guard case .slots(let block) = request.take(from: &states, at: Self.start) else { throw Missing.slots }
            return block
        }
        var states = [ScopePacing()]
        let dear = try book(5000, &states)
        var uncorrected = states
        #expect(try book(1, &uncorrected).first == Self.start.advanced(by: .seconds(4)))
        states[0].settle(0, of: dear, dear.shares[0], cost: TokenCost(input: 1500, output: 0), by: "p", at: Self.start)
        #expect(try book(1, &states).first == Self.start.advanced(by: .milliseconds(500)))
        var others = [ScopePacing()]
        let cheap = try book(10, &others)
        others[0].settle(
            0, of: cheap, cheap.shares[0], cost: TokenCost(input: 4000, output: 0), by: "p", at: Self.start)
        #expect(try book(1, &others).first == Self.start.advanced(by: .seconds(3)))
    }

    @Test func `a provider that asks for a slower start is given one`() throws {
        let rate = try #require(PacingRate(requestsPerSecond: 100))
        let demand = ScopeDemand(scope: .key("k"), limits: PacingLimits(rate: rate))
        var states = [ScopePacing()]
        states[0].slowDown(at: Self.start)
        var spacings: [Duration] = []
        for second in stride(from: 0, through: 40, by: 10) {
            let request = SlotRequest([demand], limit: 2, horizon: .seconds(1))
            let now = Self.start.advanced(by: .seconds(second))
            guard case .slots(let block) = request.take(from: &states, at: now) else { throw Missing.slots }
            spacings.append(block.spacing)
        }
        #expect(
            spacings == [
                .milliseconds(100), .milliseconds(30), .milliseconds(15), .milliseconds(10), .milliseconds(10),
            ])
    }

    private enum Missing: Error { case slots }
}
