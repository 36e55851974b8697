/// Faults that befall every request of one key, or for one model, or of one key for one model, until changed.
struct TargetedFaults: Sendable {
    struct Target: Hashable, Sendable {
        /// The key as statistics call it; nil means any.
        let account: String?
        /// nil means any.
        let model: String?
    }

    /// More targets than this are refused.
    static let maxTargets = 10_000

    private(set) var kinds: [Target: FaultKind] = [:]

    /// - Parameter kind: nil lets all go well again.
    mutating func set(_ kind: FaultKind?, for target: Target) throws(SettingError) {
        guard target.account != nil || target.model != nil else {
            throw SettingError("Name a key, a model or both.")
        }
        guard kinds.count < Self.maxTargets || kinds[target] != nil || kind == nil else {
            throw SettingError("There are \(kinds.count) keys and models with faults; no more are allowed.")
        }
        kinds[target] = kind
    }

    /// The narrowest target wins: key and model, then the key, then the model.
    func kind(account: String, model: String?) -> FaultKind? {
        if kinds.isEmpty { return nil }
        let targets: [Target] = [
            .init(account: account, model: model), .init(account: account, model: nil),
            .init(account: nil, model: model),
        ]
        return targets.lazy.compactMap { kinds[$0] }.first
    }
}
