import Domain
import TestSupport
import Testing

struct ClaimRoundTests {
    /// Plays claims until `jobs` have been taken of tenants that never run dry; how many each got.
    private func play(_ weights: [Int], jobs: Int, limit: Int) -> [Int] {
        var passes = weights.map { _ in Int64(0) }
        var counts = weights.map { _ in 0 }
        var virtualTime: Int64 = 0
        var left = jobs
        while left > 0 {
            let entrants = weights.indices.map {
                ClaimRound.Entrant(tenant: Int64($0), pass: passes[$0], weight: weights[$0], room: nil)
            }
            var round = ClaimRound(entrants, virtualTime: virtualTime, limit: min(limit, left))
            while let index = round.next {
                counts[index] += 1
                left -= 1
                round.took(index)
            }
            passes = round.entrants.map(\.pass)
            virtualTime = round.virtualTime
        }
        return counts
    }

    @Test func `equal tenants get equal shares, whatever the size of the claims`() {
        for limit in [1, 7, 100] { #expect(play([1, 1, 1], jobs: 300, limit: limit) == [100, 100, 100]) }
    }

    @Test(arguments: UInt64(0)..<200)
    func `shares follow the weights to within one job a tenant`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int.random(in: 1...20, using: &random) }
        let jobs = Int.random(in: 1...2000, using: &random)
        let counts = play(weights, jobs: jobs, limit: Int.random(in: 1...50, using: &random))
        let total = weights.reduce(0, +)
        for (weight, count) in zip(weights, counts) {
            let fair = Double(jobs) * Double(weight) / Double(total)
            #expect(abs(Double(count) - fair) <= Double(weights.count), "seed \(seed)")
        }
    }

    @Test(arguments: UInt64(0)..<100)
    func `who comes new is served within one round`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let old = (1...Int64.random(in: 1...20, using: &random)).map { tenant in
            ClaimRound.Entrant(tenant: tenant, pass: 5_000_000, weight: 1, room: nil)
        }
        var round = ClaimRound(old, virtualTime: 5_000_000, limit: 1000)
        for _ in 0..<Int.random(in: 0...100, using: &random) { if let index = round.next { round.took(index) } }
        let newcomer = ClaimRound.Entrant(tenant: 99, pass: round.virtualTime, weight: 1, room: nil)
        var next = ClaimRound(round.entrants + [newcomer], virtualTime: round.virtualTime, limit: 1000)
        var waited = 0
        while let index = next.next, next.entrants[index].tenant != 99 {
            next.took(index)
            waited += 1
        }
        #expect(waited <= old.count, "seed \(seed)")
    }

    @Test(arguments: UInt64(0)..<100)
    func `no tenant gets more than its room, no claim more than its limit`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let entrants = (0..<Int64(6)).map { tenant in
            ClaimRound.Entrant(
                tenant: tenant, pass: Int64.random(in: 0...3_000_000, using: &random),
                weight: Int.random(in: 1...5, using: &random),
                room: Bool.random(using: &random) ? Int.random(in: 0...4, using: &random) : nil)
        }
        let limit = Int.random(in: 0...30, using: &random)
        var round = ClaimRound(entrants, virtualTime: 0, limit: limit)
        var counts = entrants.map { _ in 0 }
        while let index = round.next {
            if Int.random(in: 0..<10, using: &random) == 0 {
                round.ranDry(index)
            } else {
                #expect(round.share(of: index) >= 1)
                counts[index] += 1
                round.took(index)
            }
        }
        #expect(counts.reduce(0, +) <= limit)
        for (entrant, count) in zip(entrants, counts) { #expect(count <= entrant.room ?? limit) }
        #expect(round.virtualTime >= 0)
    }
}
