/// How many changes each tenant may make: so many a minute, all at once if need be. Times are any clock's, as passed in.
///
/// Each change uses up 60 s / limit of a minute, which comes back as time passes. At 60 a minute: 60 at once, then one a
/// second.
package struct ChangeQuota: Sendable {
    private static let window = Duration.seconds(60)
    /// Tenants that are remembered before those are looked for that can be forgotten.
    private static let tenantsKept = 10_000

    private let share: Duration
    /// When each tenant will have its whole minute again.
    private var wholeAt: [TenantID: Duration] = [:]

    /// - Parameter limit: changes a minute, 1 or more.
    package init(limit: Int) {
        precondition(limit > 0, "a limit of 1 or more")
        share = Self.window / limit
    }

    /// Counts a change, if the tenant may make it.
    /// - Returns: nil if it may; else after how long it may, with nothing counted.
    package mutating func take(_ tenant: TenantID, at now: Duration) -> Duration? {
        let next = max(wholeAt[tenant] ?? now, now) + share
        guard next <= now + Self.window else { return next - now - Self.window }
        if wholeAt[tenant] == nil, wholeAt.count >= Self.tenantsKept { wholeAt = wholeAt.filter { $0.value > now } }
        wholeAt[tenant] = next
        return nil
    }

    /// Tenants that are remembered.
    package var tenantCount: Int { wholeAt.count }
}
