import Testing

@testable import ClaudeSim

struct LatencyDistributionTests {
    @Test(arguments: [
        ("0", LatencyDistribution.none), ("50ms", .fixed(.milliseconds(50))), ("1.5s", .fixed(.milliseconds(1_500))),
        ("250us", .fixed(.microseconds(250))), ("2m", .fixed(.seconds(120))),
        ("uniform:20ms-80ms", .uniform(from: .milliseconds(20), to: .milliseconds(80))),
        ("lognormal:200ms,0.5", .lognormal(median: .milliseconds(200), sigma: 0.5)),
        ("exp:100ms", .exponential(mean: .milliseconds(100))),
    ])
    func `each form is read`(text: String, expected: LatencyDistribution) throws {
        #expect(try LatencyDistribution(text) == expected)
    }

    @Test(arguments: [
        "", "5", "ms", "-5ms", "+5ms", "nan s", "infs", "1e9s", "5 ms", "uniform:80ms-20ms", "uniform:20ms",
        "lognormal:200ms",
        "lognormal:200ms,x", "lognormal:200ms,-1", "exp:", "normal:5ms", "uniform:1ms-2ms-3ms",
    ])
    func `anything else is refused and quoted`(text: String) throws {
        let error = #expect(throws: SettingError.self) { try LatencyDistribution(text) }
        #expect(try #require(error).description.contains("'\(text)'"))
    }

    @Test(arguments: ["20ms", "uniform:10ms-30ms", "lognormal:20ms,0.8", "exp:28.854ms"])
    func `half of the draws lie below the median, none below zero`(text: String) throws {
        let distribution = try LatencyDistribution(text)
        var random = SeededGenerator(seed: 7)
        let draws = (0..<20_001).map { _ in distribution.sample(using: &random) }.sorted()
        #expect(draws[0] >= .zero)
        #expect((0.019...0.021).contains(draws[10_000] / .seconds(1)))
    }

    @Test func `no draw exceeds the ceiling`() throws {
        let distribution = try LatencyDistribution("lognormal:60m,10")
        var random = SeededGenerator(seed: 1)
        for _ in 0..<1_000 { #expect(distribution.sample(using: &random) <= LatencyDistribution.ceiling) }
    }
}
