/// What a request asks to happen to itself: the same fault at every attempt, or a list with one step an attempt.
enum FaultScript: Hashable, Sendable {
    case always(FaultKind?)
    case steps([FaultKind?])

    static let faultHeader = "x-sim-fault"
    static let scriptHeader = "x-sim-script"

    /// - Parameters:
    ///   - fault: the value of `x-sim-fault`: one kind or `ok`.
    ///   - script: the value of `x-sim-script`: kinds and `ok`, separated by commas. It wins over `fault`.
    /// - Returns: nil when both are nil: then chance decides.
    static func parse(fault: String?, script: String?) throws(SettingError) -> FaultScript? {
        if let script {
            var steps: [FaultKind?] = []
            for name in script.split(separator: ",", omittingEmptySubsequences: false) {
                steps.append(try step(name))
            }
            return .steps(steps)
        }
        guard let fault else { return nil }
        return .always(try step(fault[...]))
    }

    private static func step(_ text: Substring) throws(SettingError) -> FaultKind? {
        let name = text.drop { $0 == " " }.prefix { $0 != " " }
        return name == "ok" ? nil : try FaultKind(named: name)
    }

    /// - Parameter attempt: counted from 1 for each distinct body; past the last step all goes well.
    func fault(atAttempt attempt: UInt64) -> FaultKind? {
        switch self {
        case .always(let kind): kind
        case .steps(let steps): attempt >= 1 && attempt <= steps.count ? steps[Int(attempt) - 1] : nil
        }
    }
}
