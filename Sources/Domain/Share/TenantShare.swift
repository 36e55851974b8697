/// How much of the workers one tenant gets while others wait.
package struct TenantShare: Hashable, Sendable {
    package static let weights = 1...1000
    package static let normalWeight = 1

    package let tenant: TenantID
    /// Jobs for every one of a tenant of weight 1.
    package let weight: Int
    /// Jobs that run at the same time at most; nil for no limit. At least 1.
    package let maxRunning: Int?

    /// nil if a number is out of its range.
    package init?(tenant: TenantID, weight: Int = normalWeight, maxRunning: Int? = nil) {
        guard Self.weights.contains(weight), maxRunning.map({ $0 >= 1 }) ?? true else { return nil }
        self.tenant = tenant
        self.weight = weight
        self.maxRunning = maxRunning
    }

    /// For people.
    package var words: String { "weight \(weight), \(maxRunning.map { "at most \($0) running" } ?? "no limit")" }
}
