/// What limits hold for: an organization and a class of models, as the real API's do.
struct LimitScope: Hashable, Sendable {
    /// More scopes than ``SimulatorState/maxKeys`` share this one.
    static let others = LimitScope(organization: KeyLabel.others, modelClass: ModelClass.other)

    let organization: String
    let modelClass: String
}
