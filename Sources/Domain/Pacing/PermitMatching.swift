/// Which of the permits at hand each claimed job takes, so that jobs that share a cached prefix go to one organization.
package struct PermitMatching: Sendable {
    private let organizations: [String]

    /// - Parameter organizations: of each permit, in the order in which they may begin.
    package init(_ organizations: [String]) {
        self.organizations = organizations
    }

    /// Whether it does not matter.
    package var isTrivial: Bool { organizations.allSatisfy { $0 == organizations[0] } }

    /// The place of the permit for each job, all different. A job takes the first permit left of the organization that has
    /// most weight for its prefix; without a prefix the first one left.
    /// - Parameter prefixes: of the jobs, no more than there are permits.
    package func places(of prefixes: [UInt64?]) -> [Int] {
        guard !isTrivial else { return Array(prefixes.indices) }
        var left = Dictionary(grouping: organizations.indices, by: { organizations[$0] }).mapValues { $0[...] }
        return prefixes.map { prefix in
            let open = left.keys.filter { !(left[$0]?.isEmpty ?? true) }
            let best = open.max { one, two in
                guard let prefix else { return left[one]?.first ?? 0 > left[two]?.first ?? 0 }
                return (Rendezvous.weight(of: one, for: prefix), one) < (Rendezvous.weight(of: two, for: prefix), two)
            }
            return best.flatMap { left[$0]?.popFirst() } ?? 0
        }
    }
}
