/// Which of the permits at hand each claimed job takes, so that jobs that share a cached prefix go to one organization.
package struct PermitMatching: Sendable {
    private let organizations: [String]

    /// - Parameter organizations: of each permit, in the order in which they may begin.
    package init(_ organizations: [String]) {
        self.organizations = organizations
    }

    /// Whether it does not matter.
    package var isTrivial: Bool { organizations.allSatisfy { $0 == organizations[0] } }

    /// The place of the permit for each job, all different. First come those for whose prefix a permit of the heaviest
    /// organization is left, then those that must make do with the second heaviest, and so on; a job without a prefix takes
    /// the first permit that these leave.
    /// - Parameter prefixes: of the jobs, no more than there are permits.
    package func places(of prefixes: [UInt64?]) -> [Int] {
        guard !isTrivial else { return Array(prefixes.indices) }
        var left = Dictionary(grouping: organizations.indices, by: { organizations[$0] }).mapValues { $0[...] }
        let choices = prefixes.map { prefix in
            prefix.map { prefix in
                left.keys.map { ($0, Rendezvous.weight(of: $0, for: prefix)) }.sorted { ($0.1, $0.0) > ($1.1, $1.0) }
            }
        }
        var places = [Int?](repeating: nil, count: prefixes.count)
        for rank in 0..<left.count {
            for job in places.indices where places[job] == nil {
                places[job] = choices[job].flatMap { left[$0[rank].0]?.popFirst() }
            }
        }
        var rest = left.values.joined().sorted()[...]
        return places.map { $0 ?? rest.popFirst() ?? 0 }
    }
}
