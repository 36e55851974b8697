import Domain
import TestSupport
import Testing

struct ByteSharesTests {
    private static let tenants = ["a", "b", "c"].compactMap { TenantID($0) }

    @Test func `one tenant holds half at most, however many requests it has, and the others find room`() {
        let (greedy, modest) = (Self.tenants[0], Self.tenants[1])
        var shares = ByteShares()
        let granted = (0..<100).count { _ in shares.change(greedy, from: 0, to: 10, of: 1000) }
        #expect(granted == 50)
        let others = (0..<10).count { _ in shares.change(modest, from: 0, to: 10, of: 1000) }
        let more = shares.change(greedy, from: 0, to: 10, of: 1000)
        let less = shares.change(greedy, from: 10, to: 0, of: 1000)
        #expect(others == 10 && !more && less && shares.held == 590)
    }

    @Test func `the only request of a tenant may take all there is, and no more`() {
        var shares = ByteShares()
        let granted = [
            shares.change(Self.tenants[0], from: 0, to: 900, of: 1000),
            shares.change(Self.tenants[0], from: 900, to: 1000, of: 1000),
            shares.change(Self.tenants[0], from: 1000, to: 1001, of: 1000),
            shares.change(Self.tenants[1], from: 0, to: 1, of: 1000),
        ]
        #expect(granted == [true, true, false, false] && shares.held == 1000)
    }

    @Test(arguments: UInt64(0)..<50)
    func `all together never hold more than there is, and what is given back is there again`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let total = Int.random(in: 1...500, using: &random)
        var shares = ByteShares()
        var held = [[Int]](repeating: [Int](repeating: 0, count: 4), count: Self.tenants.count)
        for _ in 0..<500 {
            let (tenant, request) = (Int.random(in: 0..<3, using: &random), Int.random(in: 0..<4, using: &random))
            let (old, new) = (held[tenant][request], Int.random(in: 0...total, using: &random))
            if shares.change(Self.tenants[tenant], from: old, to: new, of: total) {
                held[tenant][request] = new
            } else {
                #expect(new > old)
            }
            let sum = held.joined().reduce(0, +)
            #expect(shares.held == sum && sum <= total)
        }
        for tenant in 0..<3 {
            for bytes in held[tenant] { _ = shares.change(Self.tenants[tenant], from: bytes, to: 0, of: total) }
        }
        #expect(shares.held == 0)
    }
}
