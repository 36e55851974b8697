import Domain
import TestSupport
import Testing

struct StartSpreadTests {
    private typealias Instant = ManualClock.Instant

    private static func share(_ name: String, _ spacing: Duration) -> ScopeShare {
        ScopeShare(scope: PacingScope(name: name), spacing: spacing)
    }

    private static func instant(_ seconds: Duration) -> Instant { ManualClock().now.advanced(by: seconds) }

    @Test(arguments: UInt64(0)..<50)
    func `no scope has two starts closer than its rate allows, whatever calls share it`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let scopes = ["key:a", "key:b", "organization:o:x", "organization:o:y", "workspace:o/w:x"].map {
            (name: $0, spacing: Duration.milliseconds(Int.random(in: 1...500, using: &random)))
        }
        var spread = StartSpread<Instant>()
        var last: [String: Instant] = [:]
        var now = Self.instant(.zero)
        for _ in 0..<300 {
            if Int.random(in: 0..<10, using: &random) == 0 {
                now = now.advanced(by: .milliseconds(Int.random(in: 0...20_000, using: &random)))
            }
            let chosen = scopes.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
            let start = spread.start(in: chosen.map { Self.share($0.name, $0.spacing) }, at: now).instant
            #expect(start >= now)
            for scope in chosen {
                if let last = last[scope.name] { #expect(last.duration(to: start) >= scope.spacing * 49 / 50) }
                last[scope.name] = start
            }
        }
    }

    @Test func `one stall after the other only adds to what waits`() {
        var spread = StartSpread<Instant>()
        let share = Self.share("k", .milliseconds(100))
        var starts = (0..<90).map { _ in spread.start(in: [share], at: Self.instant(.seconds(9))).instant }
        starts += (0..<90).map { _ in spread.start(in: [share], at: Self.instant(.seconds(10))).instant }
        #expect(starts == (0..<180).map { Self.instant(.seconds(9) + .milliseconds(98) * $0) })
    }

    @Test func `what waits by a rate that is raised waits so much less`() {
        var spread = StartSpread<Instant>()
        _ = spread.start(in: [Self.share("k", .seconds(100))], at: Self.instant(.zero))
        let now = Self.instant(.seconds(11))
        let start = spread.start(
            in: [Self.share("k", .milliseconds(100)), Self.share("o", .milliseconds(10))], at: now)
        #expect(start.instant == now.advanced(by: .milliseconds(87)))
        #expect(spread.start(in: [Self.share("o", .milliseconds(10))], at: now).instant < now.advanced(by: .seconds(1)))
        #expect(
            spread.start(in: [Self.share("k", .seconds(1))], at: now).instant == now.advanced(by: .milliseconds(185)),
            "a rate that is lowered counts from the next call on")
    }

    @Test func `calls that are given up leave no gap behind, however many`() {
        var spread = StartSpread<Instant>()
        let share = Self.share("k", .seconds(12))
        let now = Self.instant(.zero)
        _ = spread.start(in: [share], at: now)
        for _ in 0..<30 {
            let given = spread.start(in: [share], at: now)
            #expect(given.instant == now.advanced(by: .seconds(12) * 49 / 50))
            spread.giveBack(given.places)
        }
        let (first, second) = (spread.start(in: [share], at: now), spread.start(in: [share], at: now))
        spread.giveBack(first.places)
        let third = spread.start(in: [share], at: now).instant
        #expect(third == second.instant.advanced(by: .seconds(12) * 49 / 50), "another has come after it")
    }

    @Test func `a scope without a rate holds up nothing`() {
        var spread = StartSpread<Instant>()
        let now = Self.instant(.seconds(1))
        for _ in 0..<3 { #expect(spread.start(in: [Self.share("tokens", .zero)], at: now).instant == now) }
        #expect(spread.count == 0)
    }

    @Test func `scopes whose next start has passed are dropped`() {
        var spread = StartSpread<Instant>()
        var now = Self.instant(.zero)
        for number in 0..<20_000 {
            now = now.advanced(by: .milliseconds(1))
            _ = spread.start(in: [Self.share("\(number)", .milliseconds(200))], at: now)
        }
        #expect(spread.count <= 1024)
    }
}
