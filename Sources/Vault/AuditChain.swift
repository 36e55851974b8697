package import Domain

/// Seals audit lines by HMAC-SHA-256 under a key derived from the master key.
package struct AuditChain: AuditSealer {
    private let key: @Sendable () throws(RelayError) -> MasterKey

    /// - Parameter master: asked for at each line; most commands never write one and need no key for it.
    package init(master: @escaping @Sendable () throws(RelayError) -> MasterKey) {
        key = master
    }

    package func seal(_ content: [UInt8], after previous: [UInt8]) throws(RelayError) -> [UInt8] {
        Digest.hmac(previous + content, key: try key().derived(for: "audit-chain").bytes)
    }
}
