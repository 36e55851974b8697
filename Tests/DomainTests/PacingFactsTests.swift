import Domain
import TestSupport
import Testing

struct PacingFactsTests {
    private let now = Timestamp(microseconds: 1_767_225_600_000_000)

    @Test(arguments: [
        ("claude-sonnet-4-5-20250929", "sonnet-4"), ("claude-sonnet-5", "sonnet-5"), ("claude-opus-4-1", "opus-4"),
        ("claude-3-5-haiku-latest", "haiku-3"), ("claude-3-haiku-20240307", "haiku-3"), ("claude-fable-5", "fable-5"),
        ("anthropic.claude-opus-4-v1:0", "opus-4"), ("gpt-9", "other"), ("", "other"), ("claude", "other"),
        ("CLAUDE-Haiku-4-5", "haiku-4"),
        ("claude-abcdefghijklmnopqrstuvwxyzabcd-4-5", "abcdefghijklmnopqrstuvwxyzabcd-4"),
        ("claude-abcdefghijklmnopqrstuvwxyzabcde-4-5", "other"),
    ])
    func `models fall into classes by family and major version`(model: String, expected: String) {
        #expect(ModelClass(model: model).name == expected)
        #expect(ModelClass(named: expected) == ModelClass(model: model))
    }

    @Test func `the headers' limits are read, and a report without them is none`() throws {
        let report = try #require(
            RateLimitReport([
                HeaderField("Anthropic-RateLimit-Requests-Limit", "3000"),
                HeaderField("anthropic-ratelimit-requests-remaining", "2999"),
                HeaderField("anthropic-ratelimit-output-tokens-limit", "90000"),
                HeaderField("anthropic-ratelimit-output-tokens-remaining", "0"),
                HeaderField("anthropic-ratelimit-output-tokens-reset", "2026-01-01T00:01:00Z"),
                HeaderField("anthropic-ratelimit-input-tokens-limit", "many"),
            ]))
        #expect(report.limits.rate == PacingRate(requestsPerSecond: 50))
        #expect(report.limits.output == TokenRate(tokensPerMinute: 90_000))
        #expect(report.limits.input == nil)
        #expect(RateLimitReport([HeaderField("retry-after", "3")]) == nil)
    }

    @Test func `an empty minute's allowance makes the scope wait, an empty small one does not`() throws {
        func earliest(_ remaining: String, _ reset: String) throws -> Timestamp {
            var pacing = ScopePacing()
            let report = try #require(
                RateLimitReport([
                    HeaderField("anthropic-ratelimit-requests-limit", "3000"),
                    HeaderField("anthropic-ratelimit-requests-remaining", remaining),
                    HeaderField("anthropic-ratelimit-requests-reset", reset),
                ]))
            pacing.learn(report, burst: .zero, at: now)
            return pacing.nextFree
        }
        #expect(try earliest("0", "2026-01-01T00:01:00Z") == now.advanced(by: .seconds(1)))
        #expect(try earliest("2999", "2026-01-01T00:00:01Z") <= now)
        #expect(try earliest("0", "2026-01-01T00:00:01Z") <= now)
    }

    @Test func `reported limits count where they are stricter, for an hour`() throws {
        var pacing = ScopePacing()
        let limits = PacingLimits(rate: PacingRate(requestsPerSecond: 10))
        let report = try #require(
            RateLimitReport([
                HeaderField("anthropic-ratelimit-requests-limit", "60"),
                HeaderField("anthropic-ratelimit-requests-remaining", "60"),
            ]))
        pacing.learn(report, burst: .zero, at: now)
        func spacing(at now: Timestamp) throws -> Duration {
            var states = [pacing]
            let demand = ScopeDemand(scope: .key("k"), limits: limits)
            let offer = SlotRequest([demand], limit: 1, horizon: .zero).take(from: &states, at: now)
            guard case .slots(let block) = offer else { return .zero }
            return block.spacing
        }
        #expect(try spacing(at: now) == .seconds(1))
        #expect(try spacing(at: now.advanced(by: .seconds(3601))) == .milliseconds(100))
    }

    @Test func `estimates follow what calls have cost`() {
        var estimator = TokenEstimator()
        let first = estimator.estimate(model: "m", bytes: 3500, maxTokens: 100)
        #expect(first == TokenCost(input: 1000, output: 100))
        for _ in 0..<200 {
            estimator.learn(model: "m", bytes: 1000, usage: TokenUsage(input: 100, output: 20, cacheRead: 9000))
        }
        let later = estimator.estimate(model: "m", bytes: 2000, maxTokens: 4096)
        #expect((199...202).contains(later.input) && (20...21).contains(later.output))
        #expect((100...101).contains(estimator.estimate(model: "m", bytes: nil, maxTokens: nil).input))
        #expect(estimator.estimate(model: "other", bytes: 3500, maxTokens: nil).input == 1000)
    }

    @Test func `calls that share a cacheable prefix have one fingerprint`() {
        func body(_ system: String, _ messages: String) -> [UInt8] {
            let mark = #""cache_control":{"type":"ephemeral"}"#
            let marked = #"[{"type":"text","text":"\#(system)",\#(mark)}]"#
            return Array(#"{"model":"claude-sonnet-5","system":\#(marked),"messages":[\#(messages)]}"#.utf8)
        }
        let long = String(repeating: "law_", count: 2000)
        let hello = #"{"role":"user","content":"hello"}"#, other = #"{"role":"user","content":"bye"}"#
        #expect(PromptPrefix.fingerprint(of: body(long, hello)) == PromptPrefix.fingerprint(of: body(long, other)))
        #expect(PromptPrefix.fingerprint(of: body("s", hello)) != PromptPrefix.fingerprint(of: body("s", other)))
        // A conversation that goes on keeps its place.
        #expect(
            PromptPrefix.fingerprint(of: body("s", hello))
                == PromptPrefix.fingerprint(of: body("s", "\(hello),\(other)")))
        #expect(PromptPrefix.fingerprint(of: Array(#"["cache_control"]"#.utf8)) == nil)
        #expect(PromptPrefix.fingerprint(of: Array(#"{"model":"m","messages":[\#(hello)]}"#.utf8)) == nil)
    }

    @Test func `jobs take permits of the organization that holds their prefix, each permit once`() {
        let matching = PermitMatching(["a", "b", "a", "b", "a", "b"])
        let prefixes: [UInt64?] = [7, 7, nil, 8, 7, 9]
        let places = matching.places(of: prefixes)
        #expect(Set(places).count == 6)
        #expect(places[0] % 2 == places[1] % 2)
        #expect(PermitMatching(["a", "a"]).places(of: [nil, 3]) == [0, 1])
    }

    @Test func `a job that must make do takes no permit that is another job's first choice`() {
        let organizations = ["a", "b"]
        func home(_ prefix: UInt64) -> String? {
            organizations.max { Rendezvous.weight(of: $0, for: prefix) < Rendezvous.weight(of: $1, for: prefix) }
        }
        let ofA = (UInt64(0)..<100).filter { home($0) == "a" }, ofB = (UInt64(0)..<100).first { home($0) == "b" }
        // Two for a, which has one permit, come before the one for b, which has two.
        let places = PermitMatching(["b", "a", "b"]).places(of: [ofA[0], ofA[1], ofB])
        #expect(places == [1, 2, 0])
        #expect(PermitMatching(["b", "a", "b"]).places(of: [nil, ofA[0], nil]) == [0, 1, 2])
    }

    @Test func `an organization that goes moves only its own prefixes`() {
        let all = ["a", "b", "c", "d"]
        func home(_ prefix: UInt64, _ places: [String]) -> String? {
            places.max { Rendezvous.weight(of: $0, for: prefix) < Rendezvous.weight(of: $1, for: prefix) }
        }
        var moved = 0
        for prefix in UInt64(0)..<2000 {
            let (before, after) = (home(prefix, all), home(prefix, ["a", "b", "c"]))
            if before != after { moved += 1 }
            #expect(before == "d" || before == after)
        }
        #expect((400...600).contains(moved))
    }

    @Test func `a provider that is overloaded again and again gets fewer calls at a time, and more again with success`()
    {
        var brake = OverloadBrake()
        #expect(brake.room(beside: 1000) == .max)
        for _ in 0..<8 { brake.overloaded(retryAfter: nil, inFlight: 100, at: now) }
        #expect(brake.limit == 70)
        #expect(brake.room(beside: 65) == 5)
        brake.overloaded(retryAfter: nil, inFlight: 100, at: now.advanced(by: .milliseconds(500)))
        #expect(brake.limit == 70)
        brake.overloaded(retryAfter: nil, inFlight: 70, at: now.advanced(by: .seconds(2)))
        #expect(brake.limit == 49)
        for _ in 0..<49 { brake.succeeded() }
        #expect(brake.limit == 49 || brake.limit == 50)
        for _ in 0..<30_000 { brake.succeeded() }
        #expect(brake.limit == nil)
    }

    @Test func `one overload in ten does not shrink the window`() {
        var brake = OverloadBrake()
        for round in 0..<1000 {
            if round % 10 == 0 { brake.overloaded(retryAfter: nil, inFlight: 100, at: now) } else { brake.succeeded() }
        }
        #expect(brake.limit == nil)
    }
}
