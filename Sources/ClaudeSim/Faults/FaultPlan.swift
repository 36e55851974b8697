/// How likely each fault is. At most one happens to a request.
struct FaultPlan: Sendable {
    static let none = FaultPlan()

    private(set) var probabilities: [FaultKind: Double] = [:]
    /// Upper bounds of each kind's share of 0..<1, in a fixed order, so that equal plans draw equal faults.
    private var bounds: [(kind: FaultKind, upper: Double)] = []

    private init() {}

    /// - Throws: ``SettingError`` when a probability is outside 0...1 or all together exceed 1.
    init(_ probabilities: [FaultKind: Double]) throws(SettingError) {
        for (kind, probability) in probabilities where !(0...1).contains(probability) {
            throw SettingError("The probability of \(kind.rawValue) is \(probability); it must be from 0 to 1.")
        }
        let sum = probabilities.values.sorted().reduce(0, +)
        guard sum <= 1 + 1e-9 else {
            throw SettingError("The probabilities of all faults add up to \(sum); they must not exceed 1.")
        }
        self.probabilities = probabilities
        var upper = 0.0
        for kind in FaultKind.allCases {
            guard let probability = probabilities[kind], probability > 0 else { continue }
            upper += probability
            bounds.append((kind, upper))
        }
    }

    /// Reads `KIND=P` texts; a kind named twice takes the last value.
    init(arguments: [String]) throws(SettingError) {
        var probabilities: [FaultKind: Double] = [:]
        for argument in arguments {
            let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let probability = Double(parts[1]) else {
                throw SettingError("'\(argument)' is not a fault: use KIND=P, for example 529=0.05.")
            }
            probabilities[try FaultKind(named: parts[0])] = probability
        }
        try self.init(probabilities)
    }

    func draw(using generator: inout SeededGenerator) -> FaultKind? {
        if bounds.isEmpty { return nil }
        let point = generator.nextUnit()
        return bounds.first { point < $0.upper }?.kind
    }
}
