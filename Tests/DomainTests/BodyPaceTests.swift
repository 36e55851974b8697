import Domain
import TestSupport
import Testing

struct BodyPaceTests {
    private static func pace(_ rate: Int = 1024) -> BodyPace {
        BodyPace(grace: .seconds(60), rate: rate, beganAt: .zero)
    }

    @Test
    func `one byte now and then, each well within the grace, ends soon after the grace`() {
        var pace = Self.pace()
        for second in stride(from: 5, to: 60, by: 5) { pace.arrived(bytes: 1, at: .seconds(second)) }
        #expect(pace.isSlow)
        #expect(pace.due > .seconds(60) && pace.due < .seconds(60.02))
    }

    @Test
    func `a client at the least rate is never late`() {
        var pace = Self.pace()
        for second in 1...100_000 {
            pace.arrived(bytes: 1024, at: .seconds(second))
            #expect(pace.due >= .seconds(second + 59))
        }
    }

    @Test
    func `a quick start buys no more than the grace`() {
        var pace = Self.pace()
        pace.arrived(bytes: 1 << 30, at: .seconds(1))
        #expect(pace.due == .seconds(61) && !pace.isSlow)
        for second in stride(from: 11, through: 51, by: 10) { pace.arrived(bytes: 1, at: .seconds(second)) }
        #expect(pace.isSlow && pace.due < .seconds(61.01))
    }

    @Test
    func `silence for as long as the grace is no slowness`() {
        var pace = Self.pace()
        #expect(pace.due == .seconds(60) && !pace.isSlow)
        pace.arrived(bytes: 100_000, at: .seconds(7))
        #expect(pace.due == .seconds(67) && !pace.isSlow)
    }

    @Test
    func `without a rate each byte gives the grace anew`() {
        var pace = Self.pace(0)
        for second in stride(from: 59, to: 59_000, by: 59) { pace.arrived(bytes: 1, at: .seconds(second)) }
        #expect(!pace.isSlow && pace.due >= .seconds(59_000))
    }

    @Test
    func `what is excused is added, and nothing else`() {
        var pace = Self.pace()
        pace.arrived(bytes: 0, at: .seconds(10))
        pace.excuse(.seconds(500))
        #expect(pace.due == .seconds(560))
    }

    @Test(arguments: UInt64(0)..<200)
    func `no body takes longer than the grace, its bytes at the least rate, and the pauses that were ours`(seed: UInt64)
    {
        var random = SeededGenerator(seed: seed)
        let rate = Int.random(in: 1...100_000, using: &random)
        var pace = BodyPace(grace: .seconds(60), rate: rate, beganAt: .zero)
        var (now, bytes, excused) = (Duration.zero, 0, Duration.zero)
        for _ in 0..<500 {
            let pause = Duration.milliseconds(Int.random(in: 0...5000, using: &random))
            now += pause
            if Int.random(in: 0..<5, using: &random) == 0 {
                pace.excuse(pause)
                excused += pause
                continue
            }
            guard now <= pace.due else { break }
            let piece = Int.random(in: 0...10, using: &random) == 0 ? 1_000_000 : 1
            bytes += piece
            pace.arrived(bytes: piece, at: now)
            let most = Duration.seconds(60) + excused + .seconds(Double(bytes) / Double(rate))
            #expect(pace.due <= min(most + .milliseconds(1), now + .seconds(60)))
        }
    }
}
