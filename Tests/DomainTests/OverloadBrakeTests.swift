import Domain
import Testing

@Suite struct OverloadBrakeTests {
    private let now = Timestamp(microseconds: 1_000_000)

    @Test func `an overload now and then holds nothing up`() {
        var brake = OverloadBrake()
        for _ in 0..<100 {
            for _ in 0..<OverloadBrake.tolerated { brake.overloaded(retryAfter: nil, at: now) }
            #expect(brake.rests(at: now) == nil)
            brake.succeeded()
        }
    }

    @Test func `a single overload that asks for a rest rests its own call, and a success ends the row`() {
        var brake = OverloadBrake()
        for _ in 0..<100 {
            brake.overloaded(retryAfter: .seconds(5), at: now)
            #expect(brake.rests(at: now) == nil)
            brake.succeeded()
        }
    }

    @Test func `what is asked for twice in a row everybody honours, up to ten minutes, and it is never shortened`() {
        var brake = OverloadBrake()
        for _ in 0..<2 { brake.overloaded(retryAfter: .seconds(5), at: now) }
        #expect(brake.rests(at: now) == now.advanced(by: .seconds(5)))
        brake.overloaded(retryAfter: .seconds(2), at: now)
        #expect(brake.rests(at: now) == now.advanced(by: .seconds(5)))
        brake.overloaded(retryAfter: .seconds(86_400), at: now)
        #expect(brake.rests(at: now) == now.advanced(by: .seconds(600)))
        #expect(brake.rests(at: now.advanced(by: .seconds(600))) == nil)
    }

    @Test func `overloads during a rest belong to the calls that caused it`() {
        var brake = OverloadBrake()
        for _ in 0...OverloadBrake.tolerated { brake.overloaded(retryAfter: nil, at: now) }
        let rest = brake.rests(at: now)
        for _ in 0..<50 { brake.overloaded(retryAfter: nil, at: now) }
        #expect(rest == now.advanced(by: OverloadBrake.shortest))
        #expect(brake.rests(at: now) == rest)
    }
}
