import TestSupport

/// Makes inputs out of a target's seeds: the same ones for the same number.
struct Mutator {
    private var random: SeededGenerator
    private let target: FuzzTarget

    init(_ target: FuzzTarget, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        self.target = target
    }

    mutating func next() -> [UInt8] {
        var input = seed()
        for _ in 0..<Int.random(in: 0...6, using: &random) { change(&input) }
        return input
    }

    private mutating func seed() -> [UInt8] {
        if Int.random(in: 0..<20, using: &random) == 0 {
            return (0..<Int.random(in: 0..<64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        return Array((target.seeds.randomElement(using: &random) ?? "").utf8)
    }

    private mutating func change(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &random)
        let end = min(input.count, place + Int.random(in: 0...8, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: input.replaceSubrange(place..<end, with: word())
        case 1: input.insert(contentsOf: word(), at: place)
        case 2: input.removeSubrange(place..<end)
        case 3: input.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 4: input.insert(contentsOf: input[place..<end], at: end)
        default: if place < input.count { input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        }
    }

    private mutating func word() -> [UInt8] {
        Array((target.words.randomElement(using: &random) ?? "").utf8)
    }
}
