package import Domain

/// The keys of one store: those that wrap the data keys of its secrets, and the root of what is derived.
///
/// The store keeps it as a ``SealedKeyring``, which the master key opens. So a new master key changes nothing in the rows,
/// and new wrapping keys nothing in the tokens.
package struct Keyring: Sendable {
    /// What tokens are signed with and tenants' webhook secrets are made from; stays when all other keys are changed.
    package let root: MasterKey
    /// Oldest first; the last one seals, the others only open. Never empty.
    let wrappingKeys: [SymmetricKey]

    init(root: MasterKey, wrappingKeys: [SymmetricKey]) {
        self.root = root
        self.wrappingKeys = wrappingKeys
    }

    /// A store's first: made from its first master key alone, so that secrets and tokens from before keyrings stay good.
    package init(foundedOn master: MasterKey) {
        self.init(root: master, wrappingKeys: [master.derived(for: "wrap-data-keys")])
    }

    /// The names of the wrapping keys, oldest first.
    package var names: [KeyFingerprint] { wrappingKeys.map(KeyFingerprint.init) }

    /// The same with a new key that seals from now on.
    package func renewed() throws(RelayError) -> Keyring {
        guard let key = SymmetricKey.random() else {
            throw RelayError(.internalFault, "The system has no randomness to give.", remedy: "Check /dev/urandom.")
        }
        return Keyring(root: root, wrappingKeys: wrappingKeys + [key])
    }

    /// The same with the key alone that seals.
    package var withoutRetired: Keyring {
        Keyring(root: root, wrappingKeys: Array(wrappingKeys.suffix(1)))
    }

    /// The same, with the keys of `older` that it lacks as keys that only open.
    func keeping(_ older: Keyring) -> Keyring {
        let known = Set(names)
        let lost = older.wrappingKeys.filter { !known.contains(KeyFingerprint(of: $0)) }
        return Keyring(root: root, wrappingKeys: lost + wrappingKeys)
    }

    /// Root and wrapping keys, 32 bytes each.
    var bytes: [UInt8] { root.key.bytes + wrappingKeys.flatMap(\.bytes) }

    /// nil unless `bytes` are two keys or more.
    init?(bytes: [UInt8]) {
        let size = SymmetricKey.byteCount
        guard bytes.count >= 2 * size, bytes.count.isMultiple(of: size) else { return nil }
        let keys = stride(from: 0, to: bytes.count, by: size)
            .compactMap { SymmetricKey(Array(bytes[$0..<($0 + size)])) }
        self.init(root: MasterKey(keys[0]), wrappingKeys: Array(keys.dropFirst()))
    }
}
