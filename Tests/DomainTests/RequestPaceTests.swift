import Domain
import TestSupport
import Testing

struct RequestPaceTests {
    private static func pace(at now: Duration = .zero, bodyRate: Int = 0) -> RequestPace {
        RequestPace(headTimeout: .seconds(30), bodyTimeout: .seconds(60), bodyRate: bodyRate, openedAt: now)
    }

    /// In the body of a request that began at zero.
    private static func body(rate: Int) -> RequestPace {
        var pace = pace(bodyRate: rate)
        pace.bytesArrived(at: .zero)
        pace.headEnded(at: .zero)
        return pace
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
        pace.bodyArrived(bytes: 1, at: .seconds(40))
        #expect(pace.due?.at == .seconds(100))
    }

    @Test
    func `a client owes nothing while its request is worked on, between requests, and while nobody reads`() {
        var pace = Self.pace()
        pace.bytesArrived(at: .zero)
        pace.headEnded(at: .zero)
        pace.readEnded(at: .seconds(10))
        #expect(pace.due == nil)
        pace.readAsked(at: .seconds(500))
        #expect(pace.due?.at == .seconds(550))
        pace.requestEnded()
        #expect(pace.due == nil)
        pace.bytesArrived(at: .seconds(600))
        #expect(pace.due?.lapse == .head && pace.due?.at == .seconds(630))
    }

    @Test
    func `a body that drips is late, whatever reading goes on around its bytes`() {
        var pace = Self.body(rate: 1024)
        for second in 1..<60 {
            pace.bytesArrived(at: .seconds(second))
            pace.bodyArrived(bytes: 1, at: .seconds(second))
            pace.readEnded(at: .seconds(second))
            pace.readAsked(at: .seconds(second))
        }
        #expect(pace.due?.lapse == .bodyRate)
        #expect((pace.due?.at ?? .zero) < .seconds(60.1))
    }

    @Test
    func `bytes that frame a body, and trailers, give it no time`() {
        var pace = Self.body(rate: 1024)
        for second in 1..<60 { pace.bytesArrived(at: .seconds(second)) }
        #expect(pace.due?.at == .seconds(60))
    }

    @Test
    func `a pause of ours is not the client's, however slow it is`() {
        var pace = Self.body(rate: 1024)
        pace.bytesArrived(at: .seconds(10))
        pace.bodyArrived(bytes: 1024, at: .seconds(10))
        pace.readEnded(at: .seconds(10))
        #expect(pace.due == nil)
        pace.readAsked(at: .seconds(3610))
        #expect(pace.due?.lapse == .bodyRate && pace.due?.at == .seconds(3661))
    }

    @Test
    func `bytes that come in a pause show that it was none, and nothing is given back for it`() {
        var pace = Self.body(rate: 1024)
        for second in stride(from: 5, to: 60, by: 5) {
            pace.readEnded(at: .seconds(second - 5))
            pace.bytesArrived(at: .seconds(second))
            pace.bodyArrived(bytes: 1, at: .seconds(second))
        }
        #expect((pace.due?.at ?? .zero) < .seconds(60.1))
        pace.readEnded(at: .seconds(56))
        pace.readAsked(at: .seconds(57))
        #expect((pace.due?.at ?? .zero) < .seconds(61.1))
    }

    @Test
    func `a read that is asked for while bytes are passed on is no pause when they have been`() {
        var pace = Self.body(rate: 1024)
        pace.bytesArrived(at: .seconds(1))
        pace.bodyArrived(bytes: 1, at: .seconds(1))
        pace.readAsked(at: .seconds(1))
        pace.readEnded(at: .seconds(1))
        #expect((pace.due?.at ?? .zero) < .seconds(60.1))
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
            case 2: pace.bodyArrived(bytes: 1, at: now)
            case 3: pace.requestEnded()
            case 4: pace.readEnded(at: now)
            default: pace.readAsked(at: now)
            }
            guard let due = pace.due else { continue }
            switch due.lapse {
            case .silence: #expect(due.at == .seconds(30))
            case .head: #expect(due.at == (headBegan ?? .zero) + .seconds(30))
            case .body, .bodyRate: #expect(due.at <= now + .seconds(60))
            }
        }
    }
}
