import Domain
import TestSupport
import Testing

struct FailureThrottleTests {
    private func failures(
        _ count: Int, from address: [UInt8], _ throttle: inout FailureThrottle, at now: Duration = .zero
    ) -> [FailureThrottle.Answer] {
        (0..<count).map { _ in throttle.failed(from: address, at: now) }
    }

    @Test func `after so many failures within a minute the rest of it is to be waited for`() {
        var throttle = FailureThrottle(limit: 20)
        #expect(failures(20, from: [1, 2, 3, 4], &throttle).allSatisfy { $0 == .refuse })
        #expect(throttle.failed(from: [1, 2, 3, 4], at: .seconds(12)) == .slowDown(.seconds(48)))
        #expect(throttle.failed(from: [1, 2, 3, 5], at: .seconds(12)) == .refuse)
        #expect(throttle.failed(from: [1, 2, 3, 4], at: .seconds(60)) == .refuse)
    }

    @Test func `the count of a minute survives the change of generations in it`() {
        var throttle = FailureThrottle(limit: 3)
        _ = throttle.failed(from: [9], at: .zero)  // begins a generation, which ends at 60 s
        _ = failures(3, from: [1, 2, 3, 4], &throttle, at: .seconds(50))
        #expect(throttle.failed(from: [1, 2, 3, 4], at: .seconds(70)) == .slowDown(.seconds(40)))
    }

    @Test func `addresses of one IPv6 network of 64 bits count as one, and a mapped IPv4 address as that`() {
        var throttle = FailureThrottle(limit: 1)
        let network: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 7]
        let other: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]
        #expect(throttle.failed(from: network + [0, 0, 0, 0, 0, 0, 0, 1], at: .zero) == .refuse)
        #expect(throttle.failed(from: network + [9, 9, 9, 9, 9, 9, 9, 9], at: .zero) != .refuse)
        #expect(throttle.failed(from: other, at: .zero) == .refuse)
        #expect(throttle.failed(from: [10, 0, 0, 1], at: .zero) == .refuse)
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF, 10, 0, 0, 1]
        #expect(throttle.failed(from: mapped, at: .zero) != .refuse)
    }

    @Test(arguments: UInt64(0)..<20)
    func `memory stays bounded, and nobody is told to slow down who has not failed so often`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var throttle = FailureThrottle(limit: 5)
        var counts: [[UInt8]: [Duration]] = [:]
        var now = Duration.zero
        for _ in 0..<50_000 {
            now += .milliseconds(Int.random(in: 0...5, using: &random))
            let host = UInt16.random(in: 0...UInt16.max, using: &random)
            let address = [10, 0, UInt8(host >> 8), UInt8(truncatingIfNeeded: host)]
            counts[address, default: []].append(now)
            if throttle.failed(from: address, at: now) != .refuse {
                let recent = counts[address, default: []].count { now - $0 < FailureThrottle.window }
                #expect(recent > 5)
            }
        }
        #expect(throttle.addressCount <= 2 * FailureThrottle.addressLimit)
    }
}
