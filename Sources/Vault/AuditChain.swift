package import Domain

/// Seals audit lines by HMAC-SHA-256 under a key derived from the keyring's root, which no rotation changes.
package struct AuditChain: AuditSealer {
    private let key: SymmetricKey

    package init(root: MasterKey) {
        key = root.derived(for: "audit-chain")
    }

    package func seal(_ content: [UInt8], after previous: [UInt8]) -> [UInt8] {
        Digest.hmac(previous + content, key: key.bytes)
    }
}

/// Before the keyring is open nothing can be recorded, and so nothing be done that must be.
package struct UnopenedAuditChain: AuditSealer {
    package init() {}

    package func seal(_ content: [UInt8], after previous: [UInt8]) throws(RelayError) -> [UInt8] {
        throw RelayError(
            .internalFault, "The store's keyring was not opened before a change that the audit log must name.",
            remedy: "Report this as a defect.")
    }
}
