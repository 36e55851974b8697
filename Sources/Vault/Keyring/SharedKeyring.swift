import Synchronization

/// The keyring that a process uses, which another process may renew meanwhile. What was known once still opens.
package final class SharedKeyring: Sendable {
    private let ring: Mutex<(keyring: Keyring, revision: Int)>
    /// As in ``Keyring/root``.
    package let root: MasterKey

    /// - Parameter revision: the store's, of this keyring; a store's first one has 1.
    package init(_ keyring: Keyring, revision: Int = 1) {
        ring = Mutex((keyring, revision))
        root = keyring.root
    }

    package var keyring: Keyring { ring.withLock { $0.keyring } }

    /// The store's revision of the keyring in use. Whoever seals reads it before: a secret that is stored under a revision
    /// was sealed by that one's key, or by a newer one and is refused.
    package var revision: Int { ring.withLock { $0.revision } }

    /// Seals with the last key of `newer` from now on.
    package func adopt(_ newer: Keyring, revision: Int) {
        ring.withLock { $0 = (newer.keeping($0.keyring), revision) }
    }

    /// The key that seals; a keyring always has one.
    var current: SymmetricKey? { ring.withLock { $0.keyring.wrappingKeys.last } }

    /// The key of that name, if there is one; without a name all keys, as each may be meant.
    func keys(named name: KeyFingerprint?) -> [SymmetricKey] {
        ring.withLock { ring in
            ring.keyring.wrappingKeys.filter { name == nil || KeyFingerprint(of: $0) == name }
        }
    }
}
