/// Tells a model that hangs from a way out that does: both show only as calls to which nothing came in time.
///
/// A way is well if it brought answers to calls of other classes of models since the call began; a class is not well if no
/// call of it was answered since, over whatever way. Both together blame the class, and its ways are left in peace.
package struct StallWatch: Sendable {
    private struct Lane: Hashable {
        /// Of the path as it is defined.
        let generation: Int
        let models: ModelClass?
    }

    /// Names of models are the clients'.
    private static let lanesKept = 1024
    /// Older answers tell nothing: no call waits for so long.
    private static let memory = Duration.seconds(3600)

    private var answers: [Lane: Timestamp] = [:]

    package init() {}

    /// An answer, of whatever status, came over `way` for a call of the class `models`; nil for a call to no model.
    package mutating func answered(_ models: ModelClass?, over way: EgressPool.Passage, at now: Timestamp) {
        let lane = Lane(generation: way.generation, models: models)
        if answers[lane] == nil, answers.count >= Self.lanesKept {
            let oldest = now.advanced(by: .zero - Self.memory)
            answers = answers.filter { oldest < $0.value && $0.value <= now }
            guard answers.count < Self.lanesKept else { return }
        }
        answers[lane] = now
    }

    /// Whether the class `models` is to blame that nothing has come over `way` for a call begun at `start`.
    package func blames(_ models: ModelClass?, ratherThan way: EgressPool.Passage, since start: Timestamp) -> Bool {
        guard models != nil else { return false }
        let since = answers.filter { $0.value >= start }.keys
        return since.contains { $0.generation == way.generation && $0.models != models }
            && !since.contains { $0.models == models }
    }
}
