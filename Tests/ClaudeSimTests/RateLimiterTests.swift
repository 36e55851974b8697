import Testing

@testable import ClaudeSim

struct RateLimiterTests {
    @Test(arguments: UInt64(0)..<100)
    func `no span of time sees more than the burst and what the rate refills`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let rps = Double.random(in: 0.5...200, using: &random)
        let burst = Int.random(in: 1...20, using: &random)
        var limiter = RateLimiter(rps: rps, burst: burst)
        var now = Duration.zero
        var grants: [Duration] = []
        for _ in 0..<400 {
            now += .seconds(Double.random(in: 0...(2 / rps), using: &random))
            if limiter.take(at: now) == .granted { grants.append(now) }
            #expect((0...burst).contains(limiter.remaining(at: now)))
        }
        for first in grants.indices {
            for last in first..<grants.count {
                let allowed = Double(burst) + rps * ((grants[last] - grants[first]) / .seconds(1))
                #expect(Double(last - first + 1) <= allowed + 1e-6)
            }
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func `a refused request is granted exactly when it was told to return, and not before`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var limiter = RateLimiter(
            rps: Double.random(in: 1...100, using: &random), burst: Int.random(in: 1...5, using: &random))
        var now = Duration.zero
        for _ in 0..<50 {
            now += .milliseconds(Int.random(in: 0...20, using: &random))
            guard case .refused(let wait) = limiter.take(at: now) else { continue }
            #expect(wait > .zero)
            var early = limiter
            #expect(early.take(at: now + wait - .nanoseconds(1)) != .granted)
            now += wait
            #expect(limiter.take(at: now) == .granted)
        }
    }

    @Test func `the burst is there at once and again after a long pause`() {
        var limiter = RateLimiter(rps: 10, burst: 3)
        for start in [Duration.zero, .seconds(60)] {
            let decisions = (0..<4).map { _ in limiter.take(at: start) }
            #expect(decisions == [.granted, .granted, .granted, .refused(retryAfter: .milliseconds(100))])
        }
    }

    @Test(arguments: [
        (0.0 as Double?, nil as Int?, nil as Int?), (-1, nil, nil), (.nan, nil, nil), (5, 0, nil), (nil, 5, nil),
        (nil, nil, 0),
    ])
    func `limits out of range are refused`(rps: Double?, burst: Int?, concurrency: Int?) {
        #expect(throws: SettingError.self) { try Limits(rps: rps, burst: burst, concurrency: concurrency) }
    }

    @Test(arguments: [(0.2, 1), (1, 1), (1.5, 2), (50, 50)])
    func `the default burst is the rate rounded up`(rps: Double, burst: Int) throws {
        #expect(try Limits(rps: rps, burst: nil, concurrency: nil).burst == burst)
    }
}
