/// Chains the lines of the audit log: each seal covers its line and the seal before it, under a key that the file of the log
/// does not hold. Whoever changes, drops or reorders lines without the key breaks the chain.
package protocol AuditSealer: Sendable {
    /// - Parameter previous: the seal of the line before; empty for the first one.
    /// - Throws: if the key cannot be had; what was to be recorded must not happen then.
    func seal(_ content: [UInt8], after previous: [UInt8]) throws(RelayError) -> [UInt8]
}

/// What a store needs to keep an audit log.
package struct AuditKeeping: Sendable {
    package let sealer: any AuditSealer
    package let wall: any WallClock

    package init(sealer: any AuditSealer, wall: any WallClock) {
        self.sealer = sealer
        self.wall = wall
    }
}
