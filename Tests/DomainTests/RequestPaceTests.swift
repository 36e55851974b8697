import Domain
import TestSupport
import Testing

struct RequestPaceTests {
    private static func pace(at now: Duration = .zero) -> RequestPace {
        RequestPace(headTimeout: .seconds(30), bodyTimeout: .seconds(60), openedAt: now)
    }

    @Test
    func `a head is due from the first byte on, however slowly the others come`() {
        var pace = Self.pace(at: .seconds(5))
        #expect(pace.due?.lapse == .silence && pace.due?.at == .seconds(35))
        for second in 20..<40 { pace.bytesArrived(at: .seconds(second)) }
        #expect(pace.due?.lapse == .head && pace.due?.at == .seconds(50))
        pace.headEnded(at: .seconds(45))
        #expect(pace.due?.lapse == .body && pace.due?.at == .seconds(105))
    }

    @Test
    func `each piece of a body gives time for the next`() {
        var pace = Self.pace()
        pace.bytesArrived(at: .seconds(1))
        pace.headEnded(at: .seconds(1))
        pace.bodyArrived(at: .seconds(40))
        #expect(pace.due?.at == .seconds(100))
    }

    @Test
    func `a client owes nothing while its request is worked on, between requests, and while nobody reads`() {
        var pace = Self.pace()
        pace.bytesArrived(at: .zero)
        pace.headEnded(at: .zero)
        pace.readingPaused(at: .seconds(10))
        #expect(pace.due == nil)
        pace.readingResumed(at: .seconds(500))
        #expect(pace.due?.at == .seconds(550))
        pace.requestEnded()
        #expect(pace.due == nil)
        pace.bytesArrived(at: .seconds(600))
        #expect(pace.due?.lapse == .head && pace.due?.at == .seconds(630))
    }

    @Test(arguments: UInt64(0)..<100)
    func `whatever happens, nothing is due earlier than its timeout after the last event`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var pace = Self.pace()
        var now = Duration.zero
        var headBegan: Duration? = .zero
        for _ in 0..<200 {
            now += .seconds(Int.random(in: 0...10, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                if !pace.isInBody, pace.due?.lapse != .head { headBegan = now }
                pace.bytesArrived(at: now)
            case 1: pace.headEnded(at: now)
            case 2: pace.bodyArrived(at: now)
            case 3: pace.requestEnded()
            case 4: pace.readingPaused(at: now)
            default: pace.readingResumed(at: now)
            }
            guard let due = pace.due else { continue }
            switch due.lapse {
            case .silence: #expect(due.at == .seconds(30))
            case .head: #expect(due.at == (headBegan ?? .zero) + .seconds(30))
            case .body: #expect(due.at <= now + .seconds(60))
            }
        }
    }
}
