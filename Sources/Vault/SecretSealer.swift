package import Domain

/// Seals secrets for storage: AES-256-GCM under a fresh data key each, which the master key wraps.
///
/// Sealed form: one byte of version (1), 60 bytes of wrapped data key, then the box of the secret. Both layers are
/// bound to what the secret belongs to, so that a sealed value moved to another row does not open.
package struct SecretSealer: Sendable {
    private static let version: UInt8 = 1
    private static let wrappedCount = SymmetricKey.byteCount + AuthenticatedCipher.overhead
    private let wrapping: AuthenticatedCipher

    package init(master: MasterKey) {
        wrapping = AuthenticatedCipher(key: master.derived(for: "wrap-data-keys"))
    }

    /// - Parameter owner: what the secret belongs to, for example `upstream-key:default`.
    package func seal(_ secret: Secret, for owner: String) throws(RelayError) -> [UInt8] {
        let context = Array(owner.utf8)
        guard let dataKey = SymmetricKey.random(), let wrapped = wrapping.seal(dataKey.bytes, context: context),
            let sealed = AuthenticatedCipher(key: dataKey).seal(secret.revealBytes(), context: context)
        else {
            throw RelayError(
                .internalFault, "A secret of \(owner) could not be sealed.", remedy: "Check the system's memory.")
        }
        return [Self.version] + wrapped + sealed
    }

    /// - Throws: `sealed_value_unreadable` if `sealed` was made by another master key or for another owner, or changed.
    package func open(_ sealed: [UInt8], for owner: String) throws(RelayError) -> Secret {
        let context = Array(owner.utf8)
        let wrapped = Array(sealed.dropFirst().prefix(Self.wrappedCount))
        guard sealed.first == Self.version,
            let dataKey = wrapping.open(wrapped, context: context).flatMap(SymmetricKey.init),
            let plain = AuthenticatedCipher(key: dataKey)
                .open(Array(sealed.dropFirst(1 + Self.wrappedCount)), context: context)
        else {
            throw RelayError(
                .sealedValueUnreadable, "The stored secret of \(owner) does not open with this master key.",
                remedy: "Restore the master key that belongs to this data folder, or store the secret again.")
        }
        return Secret(bytes: plain)
    }
}
