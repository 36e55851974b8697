import Synchronization

/// The keyring that a process uses, which another process may renew meanwhile. What was known once still opens.
package final class SharedKeyring: Sendable {
    private let ring: Mutex<Keyring>
    /// As in ``Keyring/root``.
    package let root: MasterKey

    package init(_ keyring: Keyring) {
        ring = Mutex(keyring)
        root = keyring.root
    }

    package var keyring: Keyring { ring.withLock { $0 } }

    /// Seals with the last key of `newer` from now on.
    package func adopt(_ newer: Keyring) {
        ring.withLock { $0 = newer.keeping($0) }
    }

    /// The key that seals; a keyring always has one.
    var current: SymmetricKey? { ring.withLock { $0.wrappingKeys.last } }

    /// The key of that name, if there is one; without a name all keys, as each may be meant.
    func keys(named name: KeyFingerprint?) -> [SymmetricKey] {
        ring.withLock { ring in
            ring.wrappingKeys.filter { name == nil || KeyFingerprint(of: $0) == name }
        }
    }
}
