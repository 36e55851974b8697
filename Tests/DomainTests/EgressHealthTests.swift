import Domain
import TestSupport
import Testing

/// When a path of the pool is tripped, and for how long.
struct EgressHealthTests {
    private static let now = Timestamp(microseconds: 1_000_000_000_000)

    private static func paths(_ count: Int) -> [EgressPath] {
        (0..<count).map { EgressPath(id: "path-\($0)", route: .source("10.0.0.\($0)")) }
    }

    @Test func `five faults trip a path for thirty seconds, one more while it is tried again for a minute`() {
        var pool = EgressPool([.direct])
        func state(_ seconds: Int) -> EgressPool.State {
            pool.states(at: Self.now.advanced(by: .seconds(seconds)))[0].state
        }
        for _ in 0..<4 { pool.faulted("direct", at: Self.now) }
        #expect(state(0) == .passing)
        pool.faulted("direct", at: Self.now)
        #expect(state(0) == .tripped(until: Self.now.advanced(by: .seconds(30))))
        #expect(state(30) == .probing)
        pool.faulted("direct", at: Self.now.advanced(by: .seconds(31)))
        #expect(state(31) == .tripped(until: Self.now.advanced(by: .seconds(91))))
        #expect(state(91) == .probing)
        pool.answered("direct", at: Self.now.advanced(by: .seconds(92)))
        #expect(state(92) == .probing)
        #expect(state(151) == .passing)
    }

    /// It was faults in a row once; then a path that lost every second call was never tripped.
    @Test func `a path that fails half of its calls is tripped, one that fails fewer is not`() {
        for (answers, isTripped) in [(1, true), (2, false)] {
            var pool = EgressPool([.direct])
            for round in 0..<20 {
                let now = Self.now.advanced(by: .milliseconds(500 * round))
                for _ in 0..<answers { pool.answered("direct", at: now) }
                pool.faulted("direct", at: now)
            }
            let state = pool.states(at: Self.now.advanced(by: .seconds(10)))[0].state
            #expect((state != .passing) == isTripped)
        }
    }

    @Test func `a busy path that goes silent is tripped, one event that breaks many calls does not trip it`() {
        var pool = EgressPool([.direct])
        func faults(_ count: Int, at second: Int) -> Bool {
            let now = Self.now.advanced(by: .seconds(second))
            for _ in 0..<count { pool.faulted("direct", at: now) }
            return pool.states(at: now)[0].state == .passing
        }
        for tenth in 0..<100 { pool.answered("direct", at: Self.now.advanced(by: .milliseconds(100 * tenth))) }
        let afterEvent = faults(40, at: 10)
        pool.answered("direct", at: Self.now.advanced(by: .seconds(11)))
        let (first, second) = (faults(4, at: 12), faults(1, at: 14))
        #expect(afterEvent && first && !second)
    }

    @Test func `time and answers forgive faults`() {
        var pool = EgressPool([.direct])
        for round in 0..<20 {
            pool.faulted("direct", at: Self.now.advanced(by: .seconds(round * 8)))
            pool.answered("direct", at: Self.now.advanced(by: .seconds(round * 8 + 1)))
        }
        #expect(pool.states(at: Self.now)[0].state == .passing)
    }

    @Test(arguments: [8, 20, 900])
    func `a path over which few calls go and none is answered is tripped, however long each waits`(pause: Int) {
        var pool = EgressPool([.direct])
        pool.answered("direct", at: Self.now)
        let states = (1...5).map { round in
            let now = Self.now.advanced(by: .seconds(round * pause))
            pool.faulted("direct", at: now)
            return pool.states(at: now)[0]
        }
        #expect(states.map { $0.state == .passing } == [true, true, true, true, false])
        #expect(states.map(\.isSuspect) == Array(repeating: true, count: 5))
        pool.probed("direct", at: Self.now)
        #expect(!pool.states(at: Self.now)[0].isSuspect)
    }

    /// What stands at the entry of a path may answer by itself; the provider's edge may, too, and then over all of them.
    @Test func `a path over which something else answers is tripped only if the API is heard over others since`() throws
    {
        for isHeardElsewhere in [true, false] {
            var pool = EgressPool(Self.paths(2))
            let (first, second) = (
                pool.take(for: "k", avoiding: ["path-1"], at: Self.now),
                pool.take(for: "k", avoiding: ["path-0"], at: Self.now)
            )
            let (front, good) = (try #require(first), try #require(second))
            // One after the other: that it was heard there later before all began says nothing.
            pool.heard(by: front, at: Self.now)
            pool.heard(by: good, at: Self.now.advanced(by: .milliseconds(1)))
            for second in 1...6 {
                let now = Self.now.advanced(by: .seconds(second))
                pool.answeredForeign("path-0", at: now)
                if isHeardElsewhere {
                    pool.heard(by: good, at: now.advanced(by: .milliseconds(1)))
                } else {
                    pool.answeredForeign("path-1", at: now)
                }
            }
            let states = pool.states(at: Self.now.advanced(by: .seconds(6))).map { $0.state == .passing }
            #expect(states == [!isHeardElsewhere, true])
        }
        var only = EgressPool([.direct])
        for _ in 0..<9 { only.answeredForeign("direct", at: Self.now) }
        #expect(only.states(at: Self.now)[0].state == .passing)
    }

    @Test func `a path over which it is heard again begins anew`() throws {
        var pool = EgressPool(Self.paths(2))
        let taken = ["path-1", "path-0"].map { pool.take(for: "k", avoiding: [$0], at: Self.now) }
        let passages = taken.compactMap(\.self)
        try #require(passages.map(\.id) == ["path-0", "path-1"])
        pool.answeredForeign("path-0", at: Self.now)
        pool.heard(by: passages[1], at: Self.now.advanced(by: .seconds(1)))
        let before = pool.isHeardElsewhere("path-0")
        pool.heard(by: passages[0], at: Self.now.advanced(by: .seconds(2)))
        #expect(before && !pool.isHeardElsewhere("path-0"))
    }

    @Test func `a path that fails on rests longer each time, until a call is answered`() {
        var pool = EgressPool([.direct])
        var now = Self.now
        func rest(after faults: Int) -> Duration? {
            for _ in 0..<faults { pool.faulted("direct", at: now) }
            guard case .tripped(let until) = pool.states(at: now)[0].state else { return nil }
            defer { now = until.advanced(by: .seconds(900)) }
            return until.duration(since: now)
        }
        let rests = [rest(after: 5), rest(after: 1), rest(after: 1)]
        #expect(rests == [.seconds(30), .seconds(60), .seconds(120)])
        pool.answered("direct", at: now)
        let after = [rest(after: 1), rest(after: 4)]
        #expect(after == [nil, .seconds(30)])
    }

    @Test func `probes alone trip no path, however long`() {
        var pool = EgressPool([.direct])
        for hour in 0..<100 {
            pool.faulted("direct", byProbe: true, at: Self.now.advanced(by: .seconds(hour * 3600)))
        }
        #expect(pool.states(at: Self.now.advanced(by: .seconds(99 * 3600)))[0].state == .passing)
    }
}
