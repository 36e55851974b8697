import Domain
import TestSupport
import Testing

struct EgressPoolTests {
    private static let now = Timestamp(microseconds: 1_000_000_000_000)

    private static func paths(_ count: Int) -> [EgressPath] {
        (0..<count).map { EgressPath(id: "path-\($0)", route: .source("10.0.0.\($0)")) }
    }

    private static func choice(_ pool: EgressPool, _ key: String, avoiding: Set<String> = []) -> String? {
        pool.choose(for: key, avoiding: avoiding, at: now)?.id
    }

    @Test(arguments: 2...8)
    func `a path that goes moves only its own keys, evenly`(_ count: Int) {
        let keys = (0..<400).map { "key-\($0)" }
        let whole = EgressPool(Self.paths(count))
        let fewer = EgressPool(Array(Self.paths(count).dropLast()))
        var load: [String: Int] = [:]
        for key in keys {
            let before = Self.choice(whole, key)
            load[before ?? "none", default: 0] += 1
            if before != "path-\(count - 1)" { #expect(Self.choice(fewer, key) == before) }
        }
        #expect(load.count == count && load.values.allSatisfy { $0 > 200 / count })
    }

    @Test func `five faults in a row trip a path for thirty seconds, then one more fault trips it again`() {
        var pool = EgressPool([.direct])
        for _ in 0..<4 { pool.faulted("direct", at: Self.now) }
        #expect(pool.states(at: Self.now)[0].state == .passing)
        pool.faulted("direct", at: Self.now)
        let end = Self.now.advanced(by: .seconds(30))
        #expect(pool.states(at: Self.now)[0].state == .tripped(until: end))
        #expect(pool.states(at: end)[0].state == .probing)
        pool.faulted("direct", at: end)
        #expect(pool.states(at: end)[0].state == .tripped(until: end.advanced(by: .seconds(30))))
        pool.answered("direct")
        #expect(pool.states(at: end)[0].state == .passing)
    }

    @Test func `an answer between faults, or time, forgives them`() {
        var pool = EgressPool([.direct])
        for round in 0..<20 {
            pool.faulted("direct", at: Self.now)
            if round % 4 == 3 { pool.answered("direct") }
        }
        for second in 0..<20 { pool.faulted("direct", at: Self.now.advanced(by: .seconds(second * 8))) }
        #expect(pool.states(at: Self.now)[0].state == .passing)
    }

    @Test func `avoided paths are taken only if nothing else is left`() {
        let pool = EgressPool(Self.paths(2))
        #expect(Self.choice(pool, "k", avoiding: ["path-0"]) == "path-1")
        #expect(Self.choice(pool, "k", avoiding: ["path-1"]) == "path-0")
        #expect(Self.choice(pool, "k", avoiding: ["path-0", "path-1"]) == Self.choice(pool, "k"))
    }

    @Test func `if all paths are tripped the one that rested longest is used`() {
        var pool = EgressPool(Self.paths(3))
        for (offset, id) in ["path-1", "path-2", "path-0"].enumerated() {
            for _ in 0..<5 { pool.faulted(id, at: Self.now.advanced(by: .seconds(offset))) }
        }
        #expect(pool.choose(for: "k", avoiding: [], at: Self.now.advanced(by: .seconds(3)))?.id == "path-1")
    }

    @Test func `a path of a refused region is never chosen again`() {
        var pool = EgressPool(Self.paths(2))
        pool.refused("path-0")
        pool.answered("path-0")
        #expect((0..<50).allSatisfy { Self.choice(pool, "key-\($0)", avoiding: ["path-1"]) == "path-1" })
        pool.refused("path-1")
        #expect(Self.choice(pool, "k") == nil)
    }
}
