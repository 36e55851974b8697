/// Guesses which model the next jobs of the queue are for: permits are taken before jobs are claimed, and count in the
/// limits of a class of models.
///
/// A wrong guess costs little: the permit is exchanged, or the job waits its turn (`Verdict.deferred`). With several
/// classes in the queue they take turns, so that one that is spent does not hold up the others.
package struct ModelForecast: Sendable {
    /// Classes remembered at most, the latest.
    package static let limit = 8

    /// One model of each class, the class seen longest ago first.
    private var seen: [String] = []
    private var turn = 0

    package init() {}

    /// nil before anything was seen.
    package var next: String? {
        mutating get {
            guard !seen.isEmpty else { return nil }
            turn = (turn + 1) % seen.count
            return seen[turn]
        }
    }

    /// Jobs of these models were claimed.
    package mutating func saw(_ models: [String]) {
        var last: String?
        for model in models where model != last {
            last = model
            let models = ModelClass(model: model)
            seen.removeAll { $0 == model || ModelClass(model: $0) == models }
            seen.append(model)
        }
        if seen.count > Self.limit { seen.removeFirst(seen.count - Self.limit) }
    }
}
