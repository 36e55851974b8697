import Foundation
import Testing

/// A short run of each target, the same inputs every time. `scripts/fuzz` looks for new ones.
struct FuzzTests {
    /// Inputs a target; RELAY_FUZZ_INPUTS sets another number.
    private static let inputs = ProcessInfo.processInfo.environment["RELAY_FUZZ_INPUTS"].flatMap(UInt64.init) ?? 5000

    @Test(arguments: FuzzTarget.all)
    func `no input makes a reader break its promises`(target: FuzzTarget) {
        var mutator = Mutator(target, seed: 1)
        for number in 0..<Self.inputs {
            let input = mutator.next()
            guard let fault = target.fault(input) else { continue }
            Issue.record("\(target), input \(number): \(fault)\n\(String(decoding: input, as: UTF8.self))\n\(input)")
            return
        }
    }

    @Test(arguments: FuzzTarget.all)
    func `sound inputs keep the promises, too`(target: FuzzTarget) {
        for seed in target.seeds { #expect(target.fault(Array(seed.utf8)) == nil, "\(seed)") }
    }
}
