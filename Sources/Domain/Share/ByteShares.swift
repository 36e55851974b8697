/// Memory that a process holds for its tenants' requests: one tenant may hold as much as it leaves free, and so half of it
/// while it is alone; one request of a tenant that holds nothing else may take all there is.
package struct ByteShares: Sendable {
    /// Bytes held at this time, by all.
    package private(set) var held = 0
    private var heldBy: [TenantID: Int] = [:]

    package init() {}

    /// A request of `tenant` that holds `old` bytes wants to hold `new` ones. Less is always granted.
    /// - Parameters:
    ///   - old: what it was granted last; 0 for none.
    ///   - total: bytes that all may hold together.
    /// - Returns: whether it is granted; if not, it holds what it held.
    package mutating func change(_ tenant: TenantID, from old: Int, to new: Int, of total: Int) -> Bool {
        let (mine, all) = (heldBy[tenant, default: 0] - old + new, held - old + new)
        guard new <= old || all <= total && (mine == new || mine <= total - all) else { return false }
        held = all
        heldBy[tenant] = mine > 0 ? mine : nil
        return true
    }
}
