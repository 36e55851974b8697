import Domain
import TestSupport
import Testing

struct ConnectionQuotaTests {
    private static func address(_ number: UInt8) -> AddressGroup { AddressGroup([10, 0, 0, number]) }

    @Test(arguments: UInt64(0)..<100)
    func `no address and no listener ever has more connections than it may, and each end makes room`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let total = Int.random(in: 1...12, using: &random)
        let perAddress = Int.random(in: 0...4, using: &random)
        var quota = ConnectionQuota(total: total, perAddress: perAddress)
        var open: [UInt8] = []
        for _ in 0..<400 {
            if Bool.random(using: &random), let index = open.indices.randomElement(using: &random) {
                quota.closed(from: Self.address(open.remove(at: index)))
                continue
            }
            let number = UInt8.random(in: 0..<4, using: &random)
            let same = open.count { $0 == number }
            switch quota.opened(from: Self.address(number)) {
            case .taken:
                open.append(number)
                #expect(open.count <= total && (perAddress == 0 || same < perAddress))
            case .refused(.total, _): #expect(open.count == total)
            case .refused(.address, _): #expect(perAddress > 0 && same == perAddress)
            }
        }
    }

    @Test
    func `only so many refused connections are told why`() {
        var quota = ConnectionQuota(total: 1, perAddress: 0)
        #expect(quota.opened(from: Self.address(1)) == .taken)
        for _ in 0..<ConnectionQuota.mostFarewells {
            #expect(quota.opened(from: Self.address(2)) == .refused(.total, answers: true))
        }
        #expect(quota.opened(from: Self.address(2)) == .refused(.total, answers: false))
        quota.farewellEnded()
        #expect(quota.opened(from: Self.address(2)) == .refused(.total, answers: true))
    }

    @Test
    func `IPv6 counts by network of 64 bits, and IPv4 in the form of IPv6 as itself`() {
        let network: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 1]
        #expect(AddressGroup(network + [0, 0, 0, 0, 0, 0, 0, 1]) == AddressGroup(network + [9, 9, 9, 9, 9, 9, 9, 9]))
        let other: [UInt8] = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 2]
        #expect(AddressGroup(network + [0, 0, 0, 0, 0, 0, 0, 1]) != AddressGroup(other + [0, 0, 0, 0, 0, 0, 0, 1]))
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 10, 0, 0, 1]
        #expect(AddressGroup(mapped) == Self.address(1) && Self.address(1) != Self.address(2))
        #expect(AddressGroup([0, 0, 0, 0, 10, 0, 0, 1] + [UInt8](repeating: 0, count: 8)) != Self.address(1))
    }
}
