package import Domain

/// Seals secrets for storage: AES-256-GCM under a fresh data key each, which a key of the keyring wraps.
///
/// Sealed form, version 2: one byte of version, 8 bytes that name the wrapping key, 60 bytes of wrapped data key, then the box
/// of the secret. Version 1 had no name. Both layers are bound to what the secret belongs to, so that a sealed value
/// moved to another row does not open.
package struct SecretSealer: Sendable {
    private static let unnamedVersion: UInt8 = 1
    private static let version: UInt8 = 2
    private static let wrappedCount = SymmetricKey.byteCount + AuthenticatedCipher.overhead
    private let keyring: SharedKeyring

    package init(keyring: SharedKeyring) {
        self.keyring = keyring
    }

    /// With the keyring that a store founded on `master` has.
    package init(master: MasterKey) {
        self.init(keyring: SharedKeyring(Keyring(foundedOn: master)))
    }

    /// - Parameter owner: what the secret belongs to, for example `upstream-key:default`.
    package func seal(_ secret: Secret, for owner: String) throws(RelayError) -> [UInt8] {
        let context = Array(owner.utf8)
        guard let wrapping = keyring.current, let dataKey = SymmetricKey.random(),
            let wrapped = AuthenticatedCipher(key: wrapping).seal(dataKey.bytes, context: context),
            let sealed = AuthenticatedCipher(key: dataKey).seal(secret.revealBytes(), context: context)
        else {
            throw RelayError(
                .internalFault, "A secret of \(owner) could not be sealed.", remedy: "Check the system's memory.")
        }
        return [Self.version] + KeyFingerprint(of: wrapping).bytes + wrapped + sealed
    }

    /// - Throws: `sealed_value_unreadable` if no key of the keyring opens `sealed`, or it is another owner's, or changed.
    package func open(_ sealed: [UInt8], for owner: String) throws(RelayError) -> Secret {
        let context = Array(owner.utf8)
        let (name, rest) = Self.parts(of: sealed)
        for wrapping in keyring.keys(named: name) {
            guard let rest,
                let dataKey = AuthenticatedCipher(key: wrapping)
                    .open(Array(rest.prefix(Self.wrappedCount)), context: context).flatMap(SymmetricKey.init),
                let plain = AuthenticatedCipher(key: dataKey)
                    .open(Array(rest.dropFirst(Self.wrappedCount)), context: context)
            else { continue }
            return Secret(bytes: plain)
        }
        throw RelayError(
            .sealedValueUnreadable, "The stored secret of \(owner) does not open with this store's keys.",
            remedy: "Restore the master key that belongs to this data folder, or store the secret again.")
    }

    /// Whether `sealed` was wrapped by the key that seals now.
    package func isCurrent(_ sealed: [UInt8]) -> Bool {
        sealed.starts(with: mark)
    }

    /// What all begins with that is sealed now.
    package var mark: [UInt8] {
        [Self.version] + (keyring.current.map { KeyFingerprint(of: $0).bytes } ?? [])
    }

    /// The name of the wrapping key, nil in version 1, and what follows it, nil in no version that is known.
    private static func parts(of sealed: [UInt8]) -> (name: KeyFingerprint?, rest: ArraySlice<UInt8>?) {
        switch sealed.first {
        case unnamedVersion: return (nil, sealed.dropFirst())
        case version:
            let name = KeyFingerprint(bytes: Array(sealed.dropFirst().prefix(KeyFingerprint.byteCount)))
            return (name, name.map { _ in sealed.dropFirst(1 + KeyFingerprint.byteCount) })
        default: return (nil, nil)
        }
    }
}
