import NIOHTTP1
import Testing

@testable import ClaudeSim

struct TokenLimitTests {
    @Test(arguments: UInt64(0)..<50)
    func `no span sees more than the capacity, its refill and one overdraft`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let perMinute = Int.random(in: 60...100_000, using: &random)
        var bucket = TokenBucket(perMinute: perMinute)
        var (now, taken, largest) = (Duration.zero, 0, 0)
        for _ in 0..<300 {
            now += .seconds(Double.random(in: 0...3, using: &random))
            let tokens = Int.random(in: 1...(perMinute / 4), using: &random)
            let wait = bucket.wait(for: 1, at: now)
            guard wait == .zero else {
                #expect(bucket.wait(for: 1, at: now + wait) == .zero)
                continue
            }
            bucket.take(tokens, at: now)
            (taken, largest) = (taken + tokens, max(largest, tokens))
            #expect((0...perMinute).contains(bucket.remaining(at: now)))
            let allowed = Double(perMinute) * (1 + now / .seconds(60)) + Double(largest)
            #expect(Double(taken) <= allowed + 1)
        }
    }

    @Test func `more than the capacity needs a full bucket`() {
        var bucket = TokenBucket(perMinute: 600)
        #expect(bucket.wait(for: 10_000, at: .zero) == .zero)
        bucket.take(10, at: .zero)
        #expect(bucket.wait(for: 10_000, at: .zero) == .seconds(1))
    }

    @Test func `over the input limit is 429, with headers in thousands`() throws {
        let client = try SimulatorClient {
            $0.limits = try Limits(rps: nil, burst: nil, concurrency: nil, inputTokensPerMinute: 4_000)
        }
        let long = String(repeating: "x", count: 10_000)  // 2,500 tokens and a few
        let answers = [client.call(content: long), client.call(content: long)]
        #expect(answers.map(\.status) == [200, 429])
        #expect(answers[0].limit("input-tokens-limit") == 4_000 && answers[0].limit("tokens-limit") == 4_000)
        #expect(answers[0].limit("input-tokens-remaining") == 1_000)
        #expect(answers[0].headers.contains(name: "anthropic-ratelimit-input-tokens-reset"))
        #expect(!answers[0].headers.contains(name: "anthropic-ratelimit-output-tokens-limit"))
        let wait = try #require(answers[1].headers.first(name: "retry-after").flatMap { Int($0) })
        #expect((14...17).contains(wait))
        let scope = client.simulator.report().organizations["k1"]?.scopes["sonnet-4"]
        #expect(scope?.overLimit == ["input_tokens": 1])
    }

    @Test func `answers may overdraw the output limit once; refusals and faults take nothing`() throws {
        let client = try SimulatorClient {
            $0.limits = try Limits(rps: nil, burst: nil, concurrency: nil, outputTokensPerMinute: 6)
        }
        for _ in 0..<5 { #expect(client.call(headers: [("x-sim-fault", "529")]).status == 529) }
        #expect((0..<3).map { client.call(content: "\($0)").status } == [200, 200, 429])
        #expect(client.simulator.report().organizations["k1"]?.scopes["sonnet-4"]?.overLimit == ["output_tokens": 1])
    }

    @Test(arguments: UInt64(0)..<50)
    func `ten seconds hold at most the factor of the ten before, or ten`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let factor = Double.random(in: 1...4, using: &random)
        var limiter = RampLimiter(factor: factor)
        var now = Duration.zero
        var granted: [Int: Int] = [:]
        for _ in 0..<2_000 {
            now += .milliseconds(Int.random(in: 0...120, using: &random))
            guard case .granted = limiter.take(at: now) else { continue }
            let slot = Int(now / .milliseconds(500))
            granted[slot, default: 0] += 1
            let current = (slot - 19...slot).reduce(0) { $0 + granted[$1, default: 0] }
            let before = (slot - 39...slot - 20).reduce(0) { $0 + granted[$1, default: 0] }
            #expect(current <= max(10, Int(Double(before) * factor)))
        }
        #expect(granted.values.reduce(0, +) > 50)
    }

    @Test func `a refused ramp is granted when it was told to return`() {
        var limiter = RampLimiter(factor: 2)
        for _ in 0..<10 { #expect(limiter.take(at: .seconds(1)) == .granted) }
        guard case .refused(let wait) = limiter.take(at: .seconds(2)) else {
            Issue.record("the eleventh was granted")
            return
        }
        #expect(wait == .seconds(9))
        #expect((0..<20).allSatisfy { _ in limiter.take(at: .seconds(2) + wait) == .granted })
        #expect(limiter.take(at: .seconds(2) + wait) != .granted)
    }

    @Test func `a ramp that is too steep has its own code`() throws {
        let client = try SimulatorClient { $0.limits = try Limits(rps: nil, burst: nil, concurrency: nil, ramp: 2) }
        let answers = (0..<11).map { _ in client.call() }
        #expect(answers.map(\.status) == Array(repeating: 200, count: 10) + [429])
        #expect(answers[10].body.contains(#""details":{"error_code":"ramp_limit_exceeded"}"#))
        #expect(answers[10].headers.contains(name: "retry-after"))
    }
}
