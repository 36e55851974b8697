import Testing

@testable import ClaudeSim

struct WindowPeakTests {
    @Test(arguments: UInt64(0)..<100)
    func `the peak equals counting every window by hand`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let longestGap = Int.random(in: 1...400, using: &random)
        var times: [Duration] = []
        var now = Duration.zero
        var window = WindowPeak()
        for _ in 0..<200 {
            now += .milliseconds(Int.random(in: 0...longestGap, using: &random))
            times.append(now)
            window.record(at: now)
        }
        let byHand = times.map { end in times.count { $0 <= end && end - $0 < .seconds(1) } }.max()
        #expect(window.peak == byHand)
        #expect(!window.isSaturated)
    }

    @Test func `an event leaves the window exactly one second later`() {
        var apart = WindowPeak()
        apart.record(at: .zero)
        apart.record(at: .seconds(1))
        #expect(apart.peak == 1)
        var together = WindowPeak()
        together.record(at: .zero)
        together.record(at: .seconds(1) - .nanoseconds(1))
        #expect(together.peak == 2)
    }

    @Test(arguments: [1, 3, 16, 17, 100])
    func `a full ring stops at its capacity and says so`(capacity: Int) {
        var window = WindowPeak(capacity: capacity)
        for _ in 0..<capacity { window.record(at: .zero) }
        #expect(window.peak == capacity)
        #expect(!window.isSaturated)
        window.record(at: .zero)
        #expect(window.peak == capacity)
        #expect(window.isSaturated)
    }
}
