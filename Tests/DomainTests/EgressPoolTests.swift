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

    @Test func `a path that is tried again gets back a tenth of its keys, then more and more, always the same ones`() {
        var pool = EgressPool(Self.paths(2))
        let keys = (0..<2000).map { "key-\($0)" }
        let own = keys.filter { Self.choice(pool, $0) == "path-0" }
        for _ in 0..<5 { pool.faulted("path-0", at: Self.now) }
        func back(_ seconds: Int) -> Set<String> {
            let now = Self.now.advanced(by: .seconds(seconds))
            return Set(own.filter { pool.choose(for: $0, avoiding: [], at: now)?.id == "path-0" })
        }
        #expect(back(29).isEmpty)
        let (first, half, whole) = (back(30), back(60), back(90))
        #expect((own.count / 20...own.count / 6).contains(first.count))
        #expect((own.count * 2 / 5...own.count * 3 / 5).contains(half.count))
        #expect(first.isSubset(of: half) && half.isSubset(of: whole) && whole.count == own.count)
    }

    @Test func `a probe that passes ends a path's rest`() {
        var pool = EgressPool(Self.paths(2))
        for _ in 0..<5 { pool.faulted("path-0", at: Self.now) }
        pool.probed("path-0", at: Self.now.advanced(by: .seconds(2)))
        #expect(pool.states(at: Self.now.advanced(by: .seconds(2)))[0].state == .probing)
    }

    @Test func `weights say how many keys a path gets`() {
        let weights = [1, 2, 5]
        let pool = EgressPool(
            weights.enumerated().map { EgressPath(id: "path-\($0)", route: .source("10.0.0.\($0)"), weight: $1) })
        var load: [String: Int] = [:]
        for key in 0..<8000 { load[Self.choice(pool, "key-\(key)") ?? "none", default: 0] += 1 }
        for (index, weight) in weights.enumerated() {
            let expected = weight * 1000
            #expect((expected * 9 / 10...expected * 11 / 10).contains(load["path-\(index)"] ?? 0))
        }
    }

    @Test(arguments: UInt64(0)..<50)
    func `no path carries more than its share and a quarter, and one call, or a few`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let paths = (0..<Int.random(in: 2...6, using: &random)).map {
            EgressPath(id: "p\($0)", route: .source("10.0.0.\($0)"), weight: .random(in: 1...4, using: &random))
        }
        var pool = EgressPool(paths)
        var open: [EgressPool.Passage] = []
        for _ in 0..<400 {
            if open.count > 40 || (!open.isEmpty && Int.random(in: 0..<3, using: &random) == 0) {
                pool.ended(open.remove(at: Int.random(in: 0..<open.count, using: &random)))
                continue
            }
            let key = "key-\(Int.random(in: 0..<3, using: &random))"
            let taken = pool.take(for: key, avoiding: [], at: Self.now)
            let passage = try #require(taken)
            open.append(passage)
            let share = Double(open.count * passage.path.weight) / Double(paths.reduce(0) { $0 + $1.weight })
            let carried = open.count { $0 == passage }
            #expect(
                Double(carried) <= max(EgressPool.loadFactor * share + 1, Double(EgressPool.fewCalls)), "seed \(seed)")
        }
        #expect(pool.states(at: Self.now).reduce(0) { $0 + $1.inFlight } == open.count)
    }

    @Test func `preferred regions go before others, as long as they can`() {
        let far = EgressPath(id: "far", route: .source("10.0.0.1"), region: "us")
        let near = EgressPath(id: "near", route: .source("10.0.0.2"), region: "eu")
        var pool = EgressPool([far, near], preferring: ["eu"])
        #expect((0..<50).allSatisfy { Self.choice(pool, "key-\($0)") == "near" })
        pool.refused("near")
        #expect(Self.choice(pool, "k") == "far")
    }

    @Test func `a new list keeps what is known of the paths that stay`() throws {
        var pool = EgressPool(Self.paths(3))
        for _ in 0..<5 { pool.faulted("path-1", at: Self.now) }
        let taken = pool.take(for: "k", avoiding: ["path-1", "path-2"], at: Self.now)
        let gone = try #require(taken)
        _ = pool.take(for: "k", avoiding: ["path-0", "path-1"], at: Self.now)
        pool.replace(Array(Self.paths(3).dropFirst()), preferring: [])
        let states = pool.states(at: Self.now)
        #expect(states.map(\.id) == ["path-1", "path-2"] && states[1].inFlight == 1)
        #expect(states[0].state == .tripped(until: Self.now.advanced(by: .seconds(30))))
        let isKnown = pool.ended(gone)
        #expect(!isKnown)
    }

    @Test func `a path that goes another way under its id begins anew, and calls over the old one are none of its own`()
        throws
    {
        func path(_ address: String, weight: Int = 1) -> EgressPath {
            EgressPath(id: "p", route: .source(address), weight: weight)
        }
        var pool = EgressPool([path("10.0.0.1")])
        func standing() -> EgressPool.Standing { pool.states(at: Self.now)[0] }
        func taken() throws -> EgressPool.Passage {
            let passage = pool.take(for: "k", avoiding: [], at: Self.now)
            return try #require(passage)
        }
        let first = try taken()
        for _ in 0..<5 { pool.faulted("p", at: Self.now) }
        pool.replace([path("10.0.0.2")], preferring: [])
        #expect(standing().state == .passing && standing().inFlight == 0)
        #expect(standing().needsWarming(after: .seconds(240), at: Self.now), "nothing has gone this way yet")
        let second = try taken()
        let isOld = pool.ended(first)
        #expect(!isOld && standing().inFlight == 1)

        pool.replace([path("10.0.0.1")], preferring: [])
        let third = try taken()
        let endings = [pool.ended(first), pool.ended(second)]
        #expect(endings == [false, false] && standing().inFlight == 1, "the way is the first one's, the record is not")
        pool.replace([path("10.0.0.1", weight: 3)], preferring: [])
        let isItsOwn = pool.ended(third)
        #expect(isItsOwn && standing().inFlight == 0, "another weight is no other way")
    }

    @Test func `what is out by its id stays so when it goes another way`() {
        var pool = EgressPool([EgressPath(id: "p", route: .direct)])
        pool.setOutages(["p": .disabled])
        pool.replace([EgressPath(id: "p", route: .source("10.0.0.1"))], preferring: [])
        #expect(pool.isExhausted)
    }

    @Test func `a refused region is out until all know of it, and then as long as they say`() {
        var pool = EgressPool(Self.paths(2))
        pool.refused("path-0")
        pool.setOutages([:])
        #expect(pool.states(at: Self.now)[0].state == .out(.regionRefused), "what could not be recorded")
        #expect(pool.unrecorded == ["path-0"])
        pool.replace([EgressPath(id: "path-0", route: .source("10.0.0.1"))], preferring: [])
        pool.setOutages([:])
        #expect(pool.unrecorded == ["path-0"] && pool.isExhausted, "also by another way")
        pool.recorded("path-0")
        pool.setOutages([:])
        #expect(pool.unrecorded.isEmpty && pool.states(at: Self.now)[0].state == .passing, "an operator was quick")
    }

    @Test func `a path that others have taken out needs no record`() {
        var pool = EgressPool(Self.paths(2))
        pool.setOutages(["path-0": .disabled])
        pool.refused("path-0")
        #expect(pool.unrecorded.isEmpty && pool.states(at: Self.now)[0].state == .out(.disabled))
    }

    @Test func `a path that an operator brings back begins anew`() {
        var pool = EgressPool(Self.paths(2))
        for _ in 0..<5 { pool.faulted("path-0", at: Self.now) }
        pool.setOutages(["path-0": .disabled])
        #expect(pool.states(at: Self.now)[0].state == .out(.disabled))
        pool.setOutages([:])
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
        pool.answered("path-0", at: Self.now)
        #expect((0..<50).allSatisfy { Self.choice(pool, "key-\($0)", avoiding: ["path-1"]) == "path-1" })
        pool.refused("path-1")
        #expect(Self.choice(pool, "k") == nil)
    }
}
